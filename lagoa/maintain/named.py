"""Reads lists of manifests and manifests, many of them one after the other.

PyIceberg finds out for each file anew how its records are read, which takes most of the time: a lake has two such files
for each write, and its writer has written them alike.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.file import META_SCHEMA, AvroFile, AvroFileHeader
from pyiceberg.avro.resolver import construct_reader, resolve_reader
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from pyiceberg.avro.reader import Reader
    from pyiceberg.io import InputFile

_FORMS = 64
"""How many forms of files are remembered: each writer has one, for each partition spec."""

_SCHEMA = "avro.schema"


def named_manifests(file: InputFile) -> Iterator[tuple[str, int]]:
    """Yield location and bytes of each manifest in a list; raises whatever bytes that are no list lead to."""
    with _KnownFile(file, _list_reader) as manifests:
        for each in manifests:
            yield each.manifest_path, each.manifest_length


def named_files(file: InputFile) -> Iterator[tuple[str, int]]:
    """Yield location and bytes of each file in a manifest that belongs to the table; raises as `named_manifests`."""
    with _KnownFile(file, _manifest_reader) as entries:
        for each in entries:
            if each.status != ManifestEntryStatus.DELETED:
                yield each.data_file.file_path, each.data_file.file_size_in_bytes


class _KnownFile(AvroFile[Any]):
    """An Avro file that is read as the one before, if it is of the same form.

    Args:
        file: the file.
        reader_of: returns what reads the records of files with a schema.
    """

    def __init__(self, file: InputFile, reader_of: Callable[[str], Reader]) -> None:
        super().__init__(file)
        self._reader_of = reader_of

    def __enter__(self) -> Self:
        """Read the file, and its header."""
        with self.input_file.open() as stream:
            self.decoder = new_decoder(stream.read())
        self.header = _header_reader().read(self.decoder)
        self.reader = self._reader_of(self.header.meta[_SCHEMA])
        return self


@cache
def _header_reader() -> Reader:
    return construct_reader(META_SCHEMA, {-1: AvroFileHeader})


@lru_cache(_FORMS)
def _list_reader(schema: str) -> Reader:
    written = AvroSchemaConversion().avro_to_iceberg(json.loads(schema))
    return resolve_reader(written, MANIFEST_LIST_FILE_SCHEMAS[DEFAULT_READ_VERSION], {-1: ManifestFile})


@lru_cache(_FORMS)
def _manifest_reader(schema: str) -> Reader:
    written = AvroSchemaConversion().avro_to_iceberg(json.loads(schema))
    return resolve_reader(written, MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION], {-1: ManifestEntry, 2: DataFile})
