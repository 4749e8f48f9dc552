"""PyIceberg's files in an object store that Lagoa knows: opened by keys that hold now, failures told as Lagoa's."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, cast

from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from lagoa.errors import NotAllowed, StorageUnavailable
from lagoa.storage import store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.fs import FileSystem
    from pyiceberg.io import InputStream, OutputStream

    from lagoa.storage import Keys, S3Storage

_METADATA = (".metadata.json", ".avro")
"""How names of files end that hold metadata: they are small, and never change."""

_lock = Lock()
_opened: dict[str, tuple[Keys, FileSystem]] = {}


class S3Files(PyArrowFileIO):
    """PyIceberg's own reading and writing by Arrow, on connections that all tables of a store share.

    Raises:
        StorageUnavailable, NotAllowed: from whatever is read or written by it.
    """

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file to read."""
        return self._file(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write."""
        return self._file(location)

    def _file(self, location: str) -> PyArrowFile:
        store = store_of(location)
        if store is None:
            return super().new_input(location)
        _, _, path = self.parse_location(location, self.properties)
        with _lock:
            keys = store.keys()
            held, files = _opened.get(store.location, (None, None))
            if files is None or held is not keys:
                files = _connect(store, keys)
                _opened[store.location] = keys, files
        return _S3File(location, path, files, store)


def _connect(store: S3Storage, keys: Keys) -> FileSystem:
    """Return Arrow's connections to a store; a small file is written by one request, when it is closed."""
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=keys.access,
        secret_key=keys.secret.get_secret_value(),
        session_token=keys.token.get_secret_value(),
        endpoint_override=store.endpoint,
        region=store.region,
        connect_timeout=store.timeout_s,
        request_timeout=store.timeout_s,
        allow_delayed_open=True,
    )


class _S3File(PyArrowFile):
    """One object."""

    def __init__(self, location: str, path: str, files: FileSystem, store: S3Storage) -> None:
        super().__init__(location, path, files)
        self._store = store

    def __len__(self) -> int:
        kept = _kept.get(self.location)
        return super().__len__() if kept is None else len(kept)

    def _file_info(self) -> Any:
        with _told(self._store):
            return super()._file_info()

    def open(self, seekable: bool = True) -> InputStream:
        if not self.location.endswith(_METADATA):
            with _told(self._store):
                return super().open(seekable)
        kept = _kept.get(self.location)
        if kept is None:
            with _told(self._store), super().open(seekable) as stream:
                kept = stream.read()
            _kept.keep(self.location, kept)
        return cast("InputStream", BytesIO(kept))

    def create(self, overwrite: bool = False) -> OutputStream:
        # Nothing has the name of a new metadata file, which is drawn at random: the store is not asked.
        unasked = overwrite or self.location.endswith(_METADATA)
        with _told(self._store):
            return cast("OutputStream", _Written(super().create(overwrite=unasked), self))


class _Written:
    """A stream whose bytes reach the store when it is closed, not before."""

    def __init__(self, stream: Any, file: _S3File) -> None:
        self._stream = stream
        self._file = file
        self._content = bytearray() if file.location.endswith(_METADATA) else None

    def write(self, data: bytes) -> int:
        with _told(self._file._store):
            if self._content is not None:
                self._content += data
            return int(self._stream.write(data))

    def close(self) -> None:
        with _told(self._file._store):
            self._stream.close()
        if self._content is not None:
            _kept.keep(self._file.location, bytes(self._content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Contents:
    """What metadata files and manifests hold, those last used: none ever changes, and each is read several times."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, location: str) -> bytes | None:
        """Return what a file holds, if that is kept."""
        with self._lock:
            if location in self._kept:
                self._kept.move_to_end(location)
            return self._kept.get(location)

    def keep(self, location: str, content: bytes) -> None:
        """Keep what was just written or read, in the place of what was not used for longest."""
        with self._lock:
            self._bytes += len(content) - len(self._kept.pop(location, b""))
            self._kept[location] = content
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])


_kept = _Contents(64 * 2**20)


@contextmanager
def _told(store: S3Storage) -> Iterator[None]:
    """Raise Lagoa's errors in the place of those of the operating system's kind."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):
            raise NotAllowed(f"The object store at {store.endpoint}", str(error), store.role) from error
        raise StorageUnavailable(store.endpoint, str(error).rstrip(".")) from error
