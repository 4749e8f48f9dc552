"""PyIceberg's files in an object store: opened by keys that hold now, failures raised as Lagoa's."""

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
    """One object, read and written by Arrow, on connections that all tables of a lake share.

    Args:
        location: as catalogs and metadata name it.
        address: of the object.
        objects: of its store.

    Raises:
        StorageUnavailable, NotAllowed: from whatever is read or written by it.
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
        """Return the file to read; metadata is read whole, once."""
        if not self._address.endswith(METADATA):
            with self._objects.errors_translated():
                return super().open(seekable)
        return cast("InputStream", BytesIO(self._objects.read(self._address)))

    def create(self, overwrite: bool = False) -> OutputStream:
        """Return the file to write; nothing is there before it is closed."""
        # Nothing has the name of a new metadata file, which is drawn at random: the store need not look for it.
        overwrites = overwrite or self._address.endswith(METADATA)
        with self._objects.errors_translated():
            return cast("OutputStream", _Written(super().create(overwrite=overwrites), self._address, self._objects))


class _Written:
    """A stream whose bytes reach the store when it is closed, not before."""

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
