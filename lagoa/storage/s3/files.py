"""PyIceberg's files in an object store: opened with valid keys, and with Lagoa's errors."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Self, cast

from pyiceberg.io.pyarrow import PyArrowFile

from lagoa.storage.port import S3
from lagoa.storage.s3.objects import METADATA

if TYPE_CHECKING:
    from pyiceberg.io import InputStream, OutputStream

    from lagoa.storage.s3.objects import Objects


class S3File(PyArrowFile):
    """One object, read and written by Arrow over connections shared by all tables of a lake.

    Args:
        location: its location in catalogs and metadata.
        address: address of the object.
        objects: the objects of its store.

    Raises:
        StorageUnavailable, NotAllowed: on any read or write.
    """

    def __init__(self, location: str, address: str, objects: Objects) -> None:
        super().__init__(location, address.removeprefix(S3), objects.connection())
        self._address = address
        self._objects = objects

    def __len__(self) -> int:
        kept = self._objects.kept(self._address)
        return super().__len__() if kept is None else len(kept)

    def _file_info(self) -> Any:
        with self._objects.errors_translated():
            return super()._file_info()

    def open(self, seekable: bool = True) -> InputStream:
        """Open the file for reading; metadata is read completely, and only once."""
        if not self._address.endswith(METADATA):
            if not seekable:
                return cast("InputStream", self._objects.stream(self._address))
            with self._objects.errors_translated():
                return super().open(seekable)
        return cast("InputStream", BytesIO(self._objects.read(self._address)))

    def create(self, overwrite: bool = False) -> OutputStream:
        """Open the file for writing; the object does not exist until it is closed."""
        # Names of new metadata files are random: the store need not check whether one exists.
        overwrites = overwrite or self._address.endswith(METADATA)
        with self._objects.errors_translated():
            return cast("OutputStream", _Written(super().create(overwrite=overwrites), self._address, self._objects))


class _Written:
    """A stream whose bytes reach the store only when it is closed."""

    def __init__(self, stream: Any, address: str, objects: Objects) -> None:
        self._stream = stream
        self._address = address
        self._objects = objects
        self._content = bytearray() if address.endswith(METADATA) else None

    def write(self, data: bytes) -> int:
        with self._objects.errors_translated():
            if self._content is not None:
                self._content += data
            return int(self._stream.write(data))

    def close(self) -> None:
        with self._objects.errors_translated():
            self._stream.close()
        if self._content is not None:
            self._objects.keep(self._address, bytes(self._content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
