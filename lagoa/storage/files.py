"""PyIceberg's files, as a lake's storage opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.io.pyarrow import PyArrowFileIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.io import InputFile, OutputFile
    from pyiceberg.io.pyarrow import PyArrowFile


class StorageFiles(PyArrowFileIO):
    """PyIceberg's own reading and writing by Arrow, of files that a storage opens.

    PyIceberg makes such classes itself, from the properties of a table, where nobody gives it one. Lagoa gives it this
    one with every table: what stands in properties cannot lead to another store or class.

    Args:
        properties: of the catalog and the table.
        opened: gives the file at a location.
    """

    def __init__(self, properties: Mapping[str, str], opened: Callable[[str], PyArrowFile]) -> None:
        super().__init__(dict(properties))
        self._opened = opened

    def new_input(self, location: str) -> PyArrowFile:
        """Return a file to read."""
        return self._opened(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Return a file to write."""
        return self._opened(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete a file; PyIceberg does so with metadata that it could not commit."""
        file = self._opened(location if isinstance(location, str) else location.location)
        file._filesystem.delete_file(file._path)
