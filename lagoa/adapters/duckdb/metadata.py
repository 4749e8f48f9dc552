"""Metadata of tables, written once more for DuckDB where it would not read the lake's own correctly.

DuckDB opens files where a table's metadata says they are. Where a lake was moved, it is given metadata that says where
they are now: the metadata file, its list of manifests, the manifests, and files of deleted positions, which name data
files too. DuckDB's own `allow_moved_paths` guesses places by `/data/` and `/metadata/` in them, and leaves out deletion
vectors. And it is given another metadata file for a table of whose partition values it compares some wrongly; see
`lagoa.adapters.duckdb.pruning`. The lake's own files stay as they are. Each is written when it is first needed, into a
folder of this process.
"""

# ruff: noqa: S608 - names and texts are quoted

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from lagoa.adapters.duckdb.pruning import prune_by_bounds
from lagoa.domain.cache import Cache
from lagoa.domain.sql_names import names_in_sql, text_in_sql
from lagoa.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pyiceberg.avro.decoder import BinaryDecoder
    from pyiceberg.avro.file import AvroFileHeader
    from pyiceberg.avro.reader import Reader
    from pyiceberg.avro.writer import Writer

    from lagoa.storage.port import Storage

_MANIFEST, _MANIFEST_LENGTH = 500, 501
_STATUS, _DATA_FILE = 0, 2
_FILE, _FORMAT, _SIZE, _CONTENT, _REFERENCED = 100, 101, 104, 134, 143
"""Field ids of lists of manifests, of entries of manifests, and of the files in these (Iceberg specification)."""

_DELETED, _POSITIONS = 2, 1
"""Status of an entry whose file is not in the table any more; content of a file that names deleted positions."""

_HISTORY = ("metadata-log", "snapshot-log", "refs", "statistics", "partition-statistics")
"""What of a metadata file says nothing of the current snapshot's rows."""

_FORMS = 64


class TableScans:
    """How DuckDB reads the tables of one lake; threads share one.

    Args:
        storage: opens the files of the lake.
        folder: for what is written.

    Attributes:
        folder: the same.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage = storage
        self._moved = storage.home != storage.location
        self.folder = folder
        self._forms: Cache[str, _Form] = Cache(_FORMS)

    def scan(self, pointer: str, document: dict[str, Any]) -> str:
        """Return SQL that reads the table at a pointer; `document` is its metadata file, and is changed.

        Raises:
            QueryError: a file that the table needs cannot be read, or none can be written.
        """
        added = prune_by_bounds(document)
        if not (added or self._moved):
            return f"iceberg_scan({text_in_sql(self._storage.path(pointer))})"
        try:
            path = self._written(pointer, ".metadata.json", lambda _: self._metadata(document))
        except (OSError, ValueError) as error:
            raise QueryError(
                f"The metadata of the table at {pointer} cannot be rewritten for the SQL engine: {error}.",
                "Look at the free space of the state folder. Where a file is missing, put it back from a backup.",
            ) from error
        scan = f"iceberg_scan({text_in_sql(str(path))})"
        return f"(SELECT * EXCLUDE ({names_in_sql(added)}) FROM {scan})" if added else scan

    def _written(self, location: str, suffix: str, content: Callable[[str], bytes]) -> Path:
        """Return the local copy of the file at a location; it is created if it is missing."""
        path = self.folder / f"{hashlib.sha256(location.encode()).hexdigest()[:32]}{suffix}"
        if not path.exists():
            made = content(location)
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
            part.write_bytes(made)
            part.replace(path)
        return path

    def _metadata(self, document: Mapping[str, Any]) -> bytes:
        current = document.get("current-snapshot-id")
        snapshots = [each for each in document.get("snapshots") or [] if each["snapshot-id"] == current]
        for each in snapshots:
            if self._moved and "manifest-list" in each:
                each["manifest-list"] = str(self._written(each["manifest-list"], ".avro", self._manifests))
        left = {name: value for name, value in document.items() if name not in _HISTORY}
        return json.dumps({**left, "snapshots": snapshots}).encode()

    def _manifests(self, location: str) -> bytes:
        def change(record: Any, form: _Form) -> None:
            path = self._written(record[form.fields[_MANIFEST]], ".avro", self._manifest)
            record[form.fields[_MANIFEST]] = str(path)
            record[form.fields[_MANIFEST_LENGTH]] = path.stat().st_size

        return self._rewritten(location, change)

    def _manifest(self, location: str) -> bytes:
        def change(record: Any, form: _Form) -> None:
            in_table = record[form.fields[_STATUS]] != _DELETED
            self._map(record[form.fields[_DATA_FILE]], form.file_fields, in_table=in_table)

        return self._rewritten(location, change)

    def _map(self, file: Any, at: Mapping[int, int], *, in_table: bool) -> None:
        """Put the places of today into what a manifest says of one file."""
        from pyiceberg.manifest import FileFormat

        location = file[at[_FILE]]
        positions = _CONTENT in at and file[at[_CONTENT]] == _POSITIONS
        if positions and in_table and file[at[_FORMAT]].upper() == FileFormat.PARQUET:
            path = self._written(location, ".parquet", self._positions)
            file[at[_FILE]], file[at[_SIZE]] = str(path), path.stat().st_size
        else:
            file[at[_FILE]] = self._storage.path(location)
        if _REFERENCED in at and file[at[_REFERENCED]] is not None:
            file[at[_REFERENCED]] = self._storage.path(file[at[_REFERENCED]])

    def _positions(self, location: str) -> bytes:
        """Return a file of deleted positions, in which data files have the paths that the manifests give them."""
        import pyarrow as pa
        from pyarrow import parquet

        with self._storage.file_io({}).new_input(location).open() as stream:
            rows = parquet.read_table(pa.BufferReader(stream.read()))
        number = rows.schema.get_field_index("file_path")
        named = rows.column(number).combine_chunks().cast(pa.string()).dictionary_encode()
        paths = pa.array([self._storage.path(each) for each in named.dictionary.to_pylist()], pa.string())
        changed = rows.set_column(number, rows.schema.field(number).with_type(pa.string()), paths.take(named.indices))
        out = pa.BufferOutputStream()
        parquet.write_table(changed, out)
        return bytes(out.getvalue().to_pybytes())

    def _rewritten(self, location: str, change: Callable[[Any, _Form], None]) -> bytes:
        """Return an Avro file with each of its records changed; all else, its header too, is as it was."""
        from pyiceberg.avro.decoder import new_decoder
        from pyiceberg.avro.encoder import BinaryEncoder
        from pyiceberg.avro.file import META_SCHEMA, SYNC_SIZE, AvroFileHeader
        from pyiceberg.avro.resolver import construct_reader, construct_writer

        source, target = new_decoder(self._storage.read(location)), BytesIO()
        header: AvroFileHeader = construct_reader(META_SCHEMA, {-1: AvroFileHeader}).read(source)
        to = BinaryEncoder(target)
        construct_writer(META_SCHEMA).write(to, header)
        form = self._forms.of(header.meta["avro.schema"], lambda: _form_of(header))
        codec = header.compression_codec()
        while (count := _next_int(source)) is not None:
            packed = source.read_bytes()
            block, changed = new_decoder(codec.decompress(packed) if codec else packed), BytesIO()
            for _ in range(count):
                record = form.reader.read(block)
                change(record, form)
                form.writer.write(BinaryEncoder(changed), record)
            content = changed.getvalue()
            to.write_int(count)
            to.write_bytes(codec.compress(content)[0] if codec else content)
            to.write(source.read(SYNC_SIZE))
        return target.getvalue()


@dataclass(frozen=True, slots=True)
class _Form:
    """The records of an Avro file of one schema.

    Attributes:
        reader: reads one.
        writer: writes one.
        fields: place of each of its fields, by field id.
        file_fields: place of each field of the data file in it; empty in a list of manifests.
    """

    reader: Reader
    writer: Writer
    fields: Mapping[int, int]
    file_fields: Mapping[int, int]


def _form_of(header: AvroFileHeader) -> _Form:
    from pyiceberg.avro.resolver import construct_reader, construct_writer
    from pyiceberg.types import StructType

    schema = header.get_schema()
    files = [each.field_type for each in schema.fields if each.field_id == _DATA_FILE]
    inner = files[0].fields if files and isinstance(files[0], StructType) else ()
    fields, file_fields = ({each.field_id: at for at, each in enumerate(some)} for some in (schema.fields, inner))
    return _Form(construct_reader(schema), construct_writer(schema), fields, file_fields)


def _next_int(source: BinaryDecoder) -> int | None:
    try:
        return source.read_int()
    except EOFError:
        return None
