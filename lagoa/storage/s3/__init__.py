"""Files of a lake under a prefix in a bucket of an S3 object store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lagoa.errors import OutsideWarehouse
from lagoa.storage.local import LocalStorage
from lagoa.storage.places import Places
from lagoa.storage.port import S3, local_path
from lagoa.storage.s3.client import Client
from lagoa.storage.s3.cold import open_tier
from lagoa.storage.s3.objects import Objects
from lagoa.storage.s3.remains import changed_files, unfinished_uploads
from lagoa.storage.s3.upkeep import delete_all, files_under, folders_in, move, move_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pydantic import SecretStr
    from pyiceberg.io import FileIO
    from pyiceberg.io.pyarrow import PyArrowFile

    from lagoa.storage.port import Changed, ColdPlace, Storage, Stored, Upload

WRITER = "lagoa-writer"
"""The user of the stack's object store that Lagoa signs in as."""

DELETER = "lagoa-maintainer"
"""The user that it signs in as to collect files: it alone may delete."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Temporary keys of an object store.

    Attributes:
        access: the access key id.
        secret: the key that signs requests.
        token: the session token, with owner and expiry.
    """

    access: str
    secret: SecretStr
    token: SecretStr


@dataclass(frozen=True, slots=True)
class S3Server:
    """An object store and how to connect to it.

    Attributes:
        endpoint: its URL, such as `http://127.0.0.1:9000`.
        region: the store's region.
        keys: returns keys that are valid for at least half an hour.
        role: the role that the keys belong to; empty without sign-in.
        timeout_s: how long it may be silent before a request fails.
        may_delete: whether the role moves and deletes files.
    """

    endpoint: str
    region: str
    keys: Callable[[], Keys]
    role: str = ""
    timeout_s: float = 15.0
    may_delete: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """Keys that are not renewed."""

    keys: Keys

    def __call__(self) -> Keys:
        return self.keys


class S3Storage(LocalStorage):
    """A `Storage` in an object store.

    Tables in local folders can be opened too: a lake may have had one before it had its store.

    Args:
        location: such as `s3://lagoa/warehouse`.
        server: the object store.
        home: where the files were when the lake was created; `location` by default.
    """

    def __init__(self, location: str, server: S3Server, home: str = "") -> None:
        self._places = Places(local_path(home).rstrip("/") or location, location)
        self._cold = ""
        self.server = server
        self._objects = Objects(server)
        self._client = Client(server)

    def __reduce__(self) -> tuple[Any, ...]:
        return S3Storage, (self.location, self.server, self.home)

    @property
    def folders(self) -> Sequence[str]:
        """The prefix."""
        return [f"{self.location}/"]

    def path(self, location: str) -> str:
        """Return the address of an object, or a path; raises `OutsideWarehouse`."""
        address = self._places.place_of(location)
        if not address.startswith(S3):
            return super().path(location)
        if not f"{address}/".startswith(f"{self.location}/"):
            raise OutsideWarehouse(location)
        return address

    def read(self, location: str) -> bytes:
        """Return the content of a file; raises `OSError`, `StorageUnavailable`, `NotAllowed`."""
        path = self.path(location)
        return self._objects.read(path) if path.startswith(S3) else super().read(location)

    def file_io(self, properties: Mapping[str, str]) -> FileIO:
        """Return the file IO for PyIceberg.

        Its properties describe the store in PyIceberg's terms (https://py.iceberg.apache.org/configuration/#s3),
        for tools that open a table's files on their own.
        """
        keys = self.server.keys()
        connection = {
            "s3.endpoint": self.server.endpoint,
            "s3.region": self.server.region,
            "s3.access-key-id": keys.access,
            "s3.secret-access-key": keys.secret.get_secret_value(),
            "s3.session-token": keys.token.get_secret_value(),
            "s3.force-virtual-addressing": "false",
            "s3.connect-timeout": str(self.server.timeout_s),
            "s3.request-timeout": str(self.server.timeout_s),
        }
        return super().file_io({**properties, **connection})

    def for_worker(self) -> Storage:
        """Return this storage with the keys of now in place of what renews them."""
        server = replace(self.server, keys=_Held(self.server.keys()))
        return S3Storage(self.location, server, self.home)

    def make_folder(self, location: str) -> None:
        """Create a local folder; in the store, an object's name may have any prefix."""
        if not self.path(location).startswith(S3):
            super().make_folder(location)

    def disposable(self, location: str) -> Sequence[str]:
        """Return the folders in a folder; in the store none if the role may not delete: rules of the bucket do that."""
        path = self.path(location)
        if not path.startswith(S3):
            return super().disposable(location)
        return [f"{location}/{name}" for name in folders_in(self._client, path)] if self.server.may_delete else ()

    def discard(self, location: str) -> None:
        """Delete a file or folder; in the store it stays if the role may not delete, and no table refers to it."""
        path = self.path(location)
        if not path.startswith(S3):
            super().discard(location)
        elif self.server.may_delete:
            delete_all(self._client, path)

    @property
    def can_move(self) -> bool:
        """Whether the role may delete."""
        return self.server.may_delete

    def files_in(self, location: str) -> Iterator[Stored]:
        """Yield the files below a prefix; raises `StorageUnavailable`, `NotAllowed`."""
        path = self.path(location)
        return files_under(self._client, path) if path.startswith(S3) else super().files_in(location)

    def move(self, location: str, to: str) -> bool:
        """Copy a file in the store, then delete it there; raises `StorageUnavailable`, `NotAllowed`."""
        path = self.path(location)
        return move(self._client, path, self.path(to)) if path.startswith(S3) else super().move(location, to)

    def move_all(self, moves: Iterable[tuple[str, str]]) -> Iterator[bool]:
        """Move files, some at a time; raises `StorageUnavailable`, `NotAllowed`."""
        return move_all(lambda each: self.move(*each), moves)

    def delete_moved(self, folder: str, moved: Iterable[tuple[str, str]]) -> None:
        """Delete all files below a prefix; raises `StorageUnavailable`, `NotAllowed`."""
        path = self.path(folder)
        delete_all(self._client, path) if path.startswith(S3) else super().delete_moved(folder, moved)

    def cold_place(self) -> ColdPlace:
        """Return what the bucket's rule for tagged objects makes of them.

        Raises:
            SettingsError: it has no such rule, or one to a class whose objects cannot be read at once.
            StorageUnavailable, NotAllowed: the store does not say it, or not to this role.
        """
        return open_tier(self._client, self.location)

    def unfinished_uploads(self) -> Sequence[Upload]:
        """Return the uploads that were not completed, by location; raises `StorageUnavailable`, `NotAllowed`."""
        return unfinished_uploads(self._client, self.location)

    def changed_files(self) -> Sequence[Changed]:
        """Return the files that were overwritten or deleted, by location; raises `StorageUnavailable`, `NotAllowed`."""
        return changed_files(self._client, self.location)

    def _file(self, location: str) -> PyArrowFile:
        from lagoa.storage.s3.files import S3File

        path = self.path(location)
        return S3File(location, path, self._objects) if path.startswith(S3) else super()._file(location)
