"""PyIceberg's files in an object store that Lagoa knows: opened by keys that hold now, failures told as Lagoa's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Self, cast

from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from lagoa.storage import store_of
from lagoa.storage.s3_objects import KEPT, METADATA, files_of, read_metadata, told

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from pyiceberg.io import InputStream, OutputStream

    from lagoa.storage import S3Storage


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
        return _S3File(location, path, files_of(store), store)


class _S3File(PyArrowFile):
    """One object."""

    def __init__(self, location: str, path: str, files: FileSystem, store: S3Storage) -> None:
        super().__init__(location, path, files)
        self._store = store

    def __len__(self) -> int:
        kept = KEPT.get(self.location)
        return super().__len__() if kept is None else len(kept)

    def _file_info(self) -> Any:
        with told(self._store):
            return super()._file_info()

    def open(self, seekable: bool = True) -> InputStream:
        if not self.location.endswith(METADATA):
            with told(self._store):
                return super().open(seekable)
        return cast("InputStream", BytesIO(read_metadata(self._store, self.location)))

    def create(self, overwrite: bool = False) -> OutputStream:
        # Nothing has the name of a new metadata file, which is drawn at random: the store is not asked.
        unasked = overwrite or self.location.endswith(METADATA)
        with told(self._store):
            return cast("OutputStream", _Written(super().create(overwrite=unasked), self))


class _Written:
    """A stream whose bytes reach the store when it is closed, not before."""

    def __init__(self, stream: Any, file: _S3File) -> None:
        self._stream = stream
        self._file = file
        self._content = bytearray() if file.location.endswith(METADATA) else None

    def write(self, data: bytes) -> int:
        with told(self._file._store):
            if self._content is not None:
                self._content += data
            return int(self._stream.write(data))

    def close(self) -> None:
        with told(self._file._store):
            self._stream.close()
        if self._content is not None:
            KEPT.keep(self._file.location, bytes(self._content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
