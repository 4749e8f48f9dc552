"""PyIceberg's files in an object store that Lagoa knows: opened by keys that hold now, failures told as Lagoa's."""

from __future__ import annotations

from contextlib import contextmanager
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
        scheme, bucket, path = self.parse_location(location, self.properties)
        with _lock:
            keys = store.keys()
            held, files = _opened.get(store.location, (None, None))
            if files is None or held is not keys:
                files = PyArrowFileIO(store.properties()).fs_by_scheme(scheme, bucket)
                _opened[store.location] = keys, files
        return _S3File(location, path, files, store)


class _S3File(PyArrowFile):
    """One object."""

    def __init__(self, location: str, path: str, files: FileSystem, store: S3Storage) -> None:
        super().__init__(location, path, files)
        self._store = store

    def _file_info(self) -> Any:
        with _told(self._store):
            return super()._file_info()

    def open(self, seekable: bool = True) -> InputStream:
        with _told(self._store):
            return super().open(seekable)

    def create(self, overwrite: bool = False) -> OutputStream:
        with _told(self._store):
            return cast("OutputStream", _Written(super().create(overwrite), self._store))


class _Written:
    """A stream whose bytes reach the store when it is closed, not before."""

    def __init__(self, stream: Any, store: S3Storage) -> None:
        self._stream = stream
        self._store = store

    def write(self, data: bytes) -> int:
        with _told(self._store):
            return int(self._stream.write(data))

    def close(self) -> None:
        with _told(self._store):
            self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


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
