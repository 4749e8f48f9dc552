"""Where the files of tables lie: folders of this machine, or a prefix in an S3 object store with the keys that open it.

A location says by itself which storage it belongs to: `use` makes an object store known, once, when a lake is opened.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lagoa.errors import OutsideWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr
    from pyiceberg.io import FileIO
    from pyiceberg.table import StaticTable

S3 = "s3://"

WRITER = "lagoa-writer"
"""The user of the stack's object store that Lagoa signs in as."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of an object store that run out by themselves.

    Attributes:
        access: the name that they are known by.
        secret: what requests are signed with.
        token: says whose they are and until when they hold.
    """

    access: str
    secret: SecretStr
    token: SecretStr


class Storage(Protocol):
    """What is done with places of files, besides reading and writing them."""

    def properties(self) -> dict[str, str]:
        """Return what PyIceberg opens files with; keys in it hold for half an hour at least."""

    def make_folder(self, location: str) -> None:
        """Make a place for new files; raises `OSError`."""

    def discard(self, location: str) -> None:
        """Take away a file, or a folder with its files, that no table has."""


class LocalStorage:
    """Folders of this machine."""

    def properties(self) -> dict[str, str]:
        """Return nothing: files are opened by their paths."""
        return {}

    def make_folder(self, location: str) -> None:
        """Make a folder and those above it; one that is there is an error."""
        local_path(location).mkdir(parents=True)

    def discard(self, location: str) -> None:
        """Remove a file or a folder."""
        path = local_path(location)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


@dataclass(frozen=True, slots=True)
class S3Storage:
    """A prefix in a bucket of an S3 object store.

    Attributes:
        location: such as `s3://lagoa/warehouse`.
        endpoint: of the store, such as `http://127.0.0.1:9000`.
        region: as the store calls it.
        keys: gives keys that hold for a good while yet.
        role: whose keys they are, where somebody signs in.
        timeout_s: how long it may be silent before a request counts as failed.
    """

    location: str
    endpoint: str
    region: str
    keys: Callable[[], Keys]
    role: str = ""
    timeout_s: float = 15.0

    def properties(self) -> dict[str, str]:
        """Return endpoint and keys in PyIceberg's words (https://py.iceberg.apache.org/configuration/#s3)."""
        keys = self.keys()
        return {
            "py-io-impl": "lagoa.storage.s3_files.S3Files",
            "s3.endpoint": self.endpoint,
            "s3.region": self.region,
            "s3.access-key-id": keys.access,
            "s3.secret-access-key": keys.secret.get_secret_value(),
            "s3.session-token": keys.token.get_secret_value(),
            "s3.force-virtual-addressing": "false",
            "s3.connect-timeout": str(self.timeout_s),
            "s3.request-timeout": str(self.timeout_s),
        }

    def make_folder(self, location: str) -> None:
        """Do nothing: an object's name may have any prefix."""

    def discard(self, location: str) -> None:
        """Do nothing: Lagoa's user deletes no objects, and no table has these."""


_LOCAL = LocalStorage()
_stores: dict[str, S3Storage] = {}


def use(storage: S3Storage) -> None:
    """Open every location under the storage's own by it, from now on."""
    _stores[storage.location] = storage


def store_of(location: str) -> S3Storage | None:
    """Return the object store that a location lies in; None for one of this machine, or of a store not known.

    Where one store's place lies within another's, the narrower one has it.
    """
    around = [prefix for prefix in _stores if f"{location}/".startswith(f"{prefix}/")]
    return _stores[max(around, key=len)] if around else None


def storage_of(location: str) -> Storage:
    """Return the storage that a location lies in."""
    return store_of(location) or _LOCAL


def refuse_elsewhere(location: str) -> None:
    """Let a location pass that can be opened; raises `OutsideWarehouse` for one in a store that is not known."""
    if "://" in location and not location.startswith("file://") and store_of(location) is None:
        raise OutsideWarehouse(location)


def file_io(location: str, properties: Mapping[str, str] | None = None) -> FileIO:
    """Return what PyIceberg reads and writes the files of a place with.

    Args:
        location: of a file, or of a table.
        properties: of the table; where they say how a known store is opened, they are not heeded.
    """
    from pyiceberg.io import load_file_io

    refuse_elsewhere(location)
    return load_file_io({**(properties or {}), **storage_of(location).properties()}, location)


def table_at(pointer: str) -> StaticTable:
    """Return the table that a metadata file describes, as PyIceberg has it, to be read."""
    from pyiceberg.table import StaticTable

    refuse_elsewhere(pointer)
    return StaticTable.from_metadata(pointer, storage_of(pointer).properties())


def local_path(location: str) -> Path:
    """Return a location of this machine as a path."""
    return Path(location.removeprefix("file://"))
