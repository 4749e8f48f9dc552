"""PyIceberg's file IO over a lake's storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.io.pyarrow import PyArrowFileIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.io import InputFile, OutputFile
    from pyiceberg.io.pyarrow import PyArrowFile


class StorageFiles(PyArrowFileIO):
    """PyIceberg's reading and writing by Arrow, of files that a storage opens.

    By default PyIceberg creates its file IO from the properties of a table. Lagoa passes this one with every table,
    so that properties cannot select another store or class.

    Args:
        properties: of the catalog and the table.
        opened: returns the file at a location.
    """

    def __init__(self, properties: Mapping[str, str], opened: Callable[[str], PyArrowFile]) -> None:
        super().__init__(dict(properties))
        self._opened = opened

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file for reading."""
        return self._opened(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file for writing."""
        return self._opened(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete a file; PyIceberg does this with metadata that it could not commit."""
        file = self._opened(location if isinstance(location, str) else location.location)
        file._filesystem.delete_file(file._path)
