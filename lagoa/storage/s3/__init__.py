"""Files of a lake under a prefix in a bucket of an S3 object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.errors import OutsideWarehouse
from lagoa.storage.local import LocalStorage
from lagoa.storage.places import Places
from lagoa.storage.port import S3, local_path
from lagoa.storage.s3.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr
    from pyiceberg.io import FileIO
    from pyiceberg.io.pyarrow import PyArrowFile

    from lagoa.storage.port import Changed, Upload

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


@dataclass(frozen=True, slots=True)
class S3Server:
    """An object store, and how it is reached.

    Attributes:
        endpoint: such as `http://127.0.0.1:9000`.
        region: as the store calls it.
        keys: gives keys that hold for half an hour at least.
        role: whose keys they are, where somebody signs in.
        timeout_s: how long it may be silent before a request counts as failed.
    """

    endpoint: str
    region: str
    keys: Callable[[], Keys]
    role: str = ""
    timeout_s: float = 15.0


class S3Storage(LocalStorage):
    """A `Storage` in an object store.

    A table in a folder of this machine is opened, too: a lake may have had one before it had its store.

    Args:
        location: such as `s3://lagoa/warehouse`.
        server: the object store.
        home: where the files lay when the lake was made; there by default.
    """

    def __init__(self, location: str, server: S3Server, home: str = "") -> None:
        self._places = Places(local_path(home).rstrip("/") or location, location)
        self.server = server
        self._objects = Objects(server)

    def path(self, location: str) -> str:
        """Return the address of an object, or a path; raises `OutsideWarehouse`."""
        address = self._places.place_of(location)
        if not address.startswith(S3):
            return super().path(location)
        if not f"{address}/".startswith(f"{self.location}/"):
            raise OutsideWarehouse(location)
        return address

    def read(self, location: str) -> bytes:
        """Return what a file holds; raises `OSError`, `StorageUnavailable`, `NotAllowed`."""
        path = self.path(location)
        return self._objects.read(path) if path.startswith(S3) else super().read(location)

    def file_io(self, properties: Mapping[str, str]) -> FileIO:
        """Return what PyIceberg reads and writes files with.

        Its properties say in PyIceberg's words how the store is reached (https://py.iceberg.apache.org/configuration/#s3),
        for tools that open a table's files by themselves.
        """
        keys = self.server.keys()
        said = {
            "s3.endpoint": self.server.endpoint,
            "s3.region": self.server.region,
            "s3.access-key-id": keys.access,
            "s3.secret-access-key": keys.secret.get_secret_value(),
            "s3.session-token": keys.token.get_secret_value(),
            "s3.force-virtual-addressing": "false",
            "s3.connect-timeout": str(self.server.timeout_s),
            "s3.request-timeout": str(self.server.timeout_s),
        }
        return super().file_io({**properties, **said})

    def make_folder(self, location: str) -> None:
        """Make a folder of this machine; in the store, an object's name may have any prefix."""
        if not self.path(location).startswith(S3):
            super().make_folder(location)

    def discard(self, location: str) -> None:
        """Remove a file of this machine; in the store, Lagoa's user deletes nothing, and no table has it."""
        if not self.path(location).startswith(S3):
            super().discard(location)

    def unfinished_uploads(self) -> Sequence[Upload]:
        """Return the uploads that are not at their end, by location; raises `StorageUnavailable`."""
        from lagoa.storage.s3.remains import unfinished_uploads

        return unfinished_uploads(self.server, self.location)

    def changed_files(self) -> Sequence[Changed]:
        """Return the files that were written over or deleted, by location; raises `StorageUnavailable`."""
        from lagoa.storage.s3.remains import changed_files

        return changed_files(self.server, self.location)

    def _file(self, location: str) -> PyArrowFile:
        from lagoa.storage.s3.files import S3File

        path = self.path(location)
        return S3File(location, path, self._objects) if path.startswith(S3) else super()._file(location)
