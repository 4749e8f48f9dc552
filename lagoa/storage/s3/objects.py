"""Objects of a store, by Arrow: connections shared by all tables of a lake, and a cache of metadata."""

from __future__ import annotations

import io
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

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

_MARKS = (b"nothing has come", bytes(16))


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
            with self.stream(address) as stream:
                content = stream.readall()
            if address.endswith(METADATA):
                self.keep(address, content)
        return content

    def stream(self, address: str) -> Reading:
        """Open a file of any size to read it from its beginning on; raises as `read`."""
        with self.errors_translated():
            stream = self.connection().open_input_file(address.removeprefix(S3))
            said = stream.metadata()
        if "ETag" not in said:  # each store says it, after the length
            raise self.cut_off()
        return Reading(stream, int(said["Content-Length"]), self)

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

    def cut_off(self) -> StorageUnavailable:
        """Return the error of an answer without its end, which Arrow takes for a whole one if its headers have none."""
        return StorageUnavailable(self._server.endpoint, "its answer was cut off")

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


class Reading(io.RawIOBase):
    """An object that is read from its beginning on; each read is a request.

    An answer that ends within its headers has no content for Arrow, which then returns what was in memory before. So
    each part gets a mark at its end, which the store's bytes replace; where they are the same, another one.

    Args:
        stream: of Arrow, in which any place can be read.
        size: how many bytes it has.
        objects: the objects of its store.

    Raises:
        StorageUnavailable, NotAllowed: on any read.
    """

    def __init__(self, stream: Any, size: int, objects: Objects) -> None:
        self._stream = stream
        self._at, self._size = 0, size
        self._objects = objects

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer, or less of it at the end of the object; return how many bytes that are."""
        part = memoryview(buffer).cast("B")[: self._size - self._at]
        if not part:
            return 0
        for mark in _MARKS:
            part[-len(mark) :] = mark[-len(part) :]
            with self._objects.errors_translated():
                self._stream.seek(self._at)
                count = int(self._stream.readinto(part))
            if count == len(part) and part[-len(mark) :] != mark[-len(part) :]:
                self._at += count
                return count
        raise self._objects.cut_off()

    def readall(self) -> bytes:
        """Return the rest of the object, by one request."""
        content = bytearray(self._size - self._at)
        self.readinto(content)
        return bytes(content)

    def close(self) -> None:
        """Close it."""
        if not self.closed:
            self._stream.close()
        super().close()


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
