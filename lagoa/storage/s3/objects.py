"""Objects of a store, by Arrow: connections shared by all tables of a lake, and a cache of metadata."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from lagoa.domain.cache import Cache
from lagoa.errors import NotAllowed, StorageUnavailable
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyarrow.fs import FileSystem

    from lagoa.storage.s3 import Keys, S3Server

METADATA = (".metadata.json", ".avro")
"""Suffixes of metadata files: they are small and never change."""

_MOST_BYTES = 64 * 2**20


class Objects:
    """The objects of one lake; threads may share one.

    Args:
        server: the object store.
    """

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._lock = Lock()
        self._opened: tuple[Keys, FileSystem] | None = None
        self._metadata: Cache[str, bytes] = Cache(_MOST_BYTES, len)

    def connection(self) -> FileSystem:
        """Return Arrow's connections to the store, with valid keys; raises the errors of getting keys."""
        with self._lock:
            keys = self._server.keys()
            if self._opened is None or self._opened[0] is not keys:
                self._opened = keys, _connect(self._server, keys)
            return self._opened[1]

    def read(self, address: str) -> bytes:
        """Return the content of a small file; metadata is cached.

        Raises:
            FileNotFoundError: there is no such file.
            StorageUnavailable, NotAllowed: the store does not answer, or does not allow reading it.
        """
        content = self.kept(address)
        if content is None:
            with self.errors_translated(), self.connection().open_input_stream(address.removeprefix(S3)) as stream:
                content = bytes(stream.read())
            if address.endswith(METADATA):
                self.keep(address, content)
        return content

    def stream(self, address: str) -> Reading:
        """Open a file of any size to read it from its beginning on; raises as `read`."""
        with self.errors_translated():
            return Reading(self.connection().open_input_stream(address.removeprefix(S3), compression=None), self)

    def kept(self, address: str) -> bytes | None:
        """Return the content of a metadata file if it is cached."""
        return self._metadata.get(address)

    def keep(self, address: str, content: bytes) -> None:
        """Cache the content of a metadata file."""
        self._metadata.keep(address, content)

    def delete(self, addresses: Sequence[str]) -> None:
        """Delete objects, a thousand in a request; raises `StorageUnavailable`, `NotAllowed`."""
        from lagoa.storage.s3.client import Client
        from lagoa.storage.s3.upkeep import delete_objects

        delete_objects(Client(self._server), addresses)

    @contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Raise Lagoa's errors instead of `OSError`."""
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as error:
            if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):
                where = f"The object store at {self._server.endpoint}"
                raise NotAllowed(where, str(error), self._server.role) from error
            raise StorageUnavailable(self._server.endpoint, str(error).rstrip(".")) from error


class Reading:
    """An object that is read from its beginning on; the store may go away meanwhile.

    Args:
        stream: of Arrow.
        objects: the objects of its store.

    Raises:
        StorageUnavailable, NotAllowed: on any read.
    """

    def __init__(self, stream: Any, objects: Objects) -> None:
        self._stream = stream
        self._objects = objects

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, or all that are left."""
        with self._objects.errors_translated():
            return bytes(self._stream.read(None if size < 0 else size))

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return how many bytes."""
        with self._objects.errors_translated():
            return int(self._stream.readinto(buffer))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _connect(server: S3Server, keys: Keys) -> FileSystem:
    """Return Arrow's connections to a store; a small file is written in one request when it is closed."""
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=keys.access,
        secret_key=keys.secret.get_secret_value(),
        session_token=keys.token.get_secret_value(),
        endpoint_override=server.endpoint,
        region=server.region,
        connect_timeout=server.timeout_s,
        request_timeout=server.timeout_s,
        allow_delayed_open=True,
    )
