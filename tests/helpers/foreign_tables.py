"""What other engines write into Iceberg tables and PyIceberg does not: delete files, files without field ids."""

from __future__ import annotations

import io
import json
import uuid
from zlib import crc32

import pyarrow as pa
from pyarrow import parquet
from pyiceberg.avro.file import AvroFile, AvroOutputFile
from pyiceberg.manifest import (
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
)
from pyiceberg.schema import Schema
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles
from pyiceberg.typedef import Record
from pyroaring import BitMap

from lagoa.catalog.table_facts import table_document

_POSITIONS = pa.schema(
    [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"}),
    ]
)


def delete_positions(table, column, *values, partition=None):
    """Delete the rows that have one of these values, by a file of places, as Trino and Spark do."""
    found = []
    for task in table.scan().plan_files():
        if partition is None or task.file.partition == partition:
            rows = _read(table, task.file.file_path).column(column).to_pylist()
            found += [(task.file.file_path, at) for at, value in enumerate(rows) if value in values]
    rows = pa.table([[path for path, _ in found], [at for _, at in found]], schema=_POSITIONS)
    _add_deletes(table, rows, DataFileContent.POSITION_DELETES, partition)


def delete_equal(table, column, *values, partition=None):
    """Delete the rows that have one of these values, by a file of values, as Flink does."""
    field = table.schema().find_field(column)
    rows = pa.table([pa.array(values)], schema=Schema(field).as_arrow())
    _add_deletes(table, rows, DataFileContent.EQUALITY_DELETES, partition, ids=[field.field_id])


def add_file(table, rows, *, partition=None, mapping=True, **told):
    """Add a file whose columns have no field ids, as files of a Hive table have none; its manifest tells so of it."""
    path = _write(table, rows)
    size = len(table.io.new_input(path))
    file = DataFile.from_args(
        content=DataFileContent.DATA, file_path=path, file_format=FileFormat.PARQUET,
        partition=partition or Record(), file_size_in_bytes=size, **{"record_count": len(rows), **told},
    )  # fmt: skip
    file.spec_id = table.metadata.default_spec_id
    with table.transaction() as transaction:
        if mapping:
            transaction.set_properties({"schema.name-mapping.default": table.schema().name_mapping.model_dump_json()})
        with transaction.update_snapshot().fast_append() as append:
            append.append_data_file(file)


def write_metadata(table, change, suffix=".metadata.json", pack=lambda text: text):
    """Write the table's metadata once more, changed, beside it; return where."""
    document = table_document(table.metadata_location, lambda location: table.io.new_input(location).open().read())
    change(document)
    place = f"{table.location()}/metadata/00009-{uuid.uuid4()}{suffix}"
    with table.io.new_output(place).create() as stream:
        stream.write(pack(json.dumps(document).encode()))
    return place


def delete_by_vector(table, *positions):
    """Delete rows of the table's one file by a deletion vector, as format 3 has it; return where the metadata is."""
    (task,) = table.scan().plan_files()
    file, snapshot = task.file.file_path, table.current_snapshot()
    bits = BitMap(positions).serialize()
    vector = b"\xd1\xd3\x39\x64" + (1).to_bytes(8, "little") + (0).to_bytes(4, "little") + bits
    blob = len(vector).to_bytes(4, "big") + vector + crc32(vector).to_bytes(4, "big")
    described = {
        "type": "deletion-vector-v1", "fields": [], "snapshot-id": -1, "sequence-number": -1, "offset": 4,
        "length": len(blob), "properties": {"referenced-data-file": file, "cardinality": str(len(positions))},
    }  # fmt: skip
    footer = json.dumps({"blobs": [described]}).encode()
    packed = b"PFA1" + blob + b"PFA1" + footer + len(footer).to_bytes(4, "little") + bytes(4) + b"PFA1"
    place = _put(table, "data", ".puffin", packed)
    fields = MANIFEST_ENTRY_SCHEMAS[3].find_field(2).field_type.fields
    told = {
        134: 1, 100: place, 101: "puffin", 102: Record(), 103: len(positions), 104: len(packed), 143: file, 144: 4,
        145: len(blob),
    }  # fmt: skip
    deleted = Record(1, 7, 9, 9, Record(*(told.get(field.field_id) for field in fields)))
    meta = {"schema": table.schema().model_dump_json(), "partition-spec": "[]", "partition-spec-id": "0",
            "format-version": "3", "content": "deletes"}  # fmt: skip
    manifest = _avro(table, "manifest_entry", MANIFEST_ENTRY_SCHEMAS[3], [deleted], meta)
    lists = MANIFEST_LIST_FILE_SCHEMAS[3]
    new = {
        500: manifest, 501: len(table.io.new_input(manifest)), 502: 0, 517: 1, 515: 9, 516: 9, 503: 7, 504: 1, 505: 0,
        506: 0, 512: len(positions), 513: 0, 514: 0,
    }  # fmt: skip
    with AvroFile(table.io.new_input(snapshot.manifest_list)) as before:
        at = {field.field_id: number for number, field in enumerate(before.schema.fields)}
        held = [
            Record(*(each[at[field.field_id]] if field.field_id in at else None for field in lists.fields))
            for each in before
        ]
    listed = [*held, Record(*(new.get(field.field_id) for field in lists.fields))]
    manifests = _avro(table, "manifest_file", lists, listed, {"format-version": "3"})

    def third(document):
        document["format-version"], document["next-row-id"], document["last-sequence-number"] = 3, 0, 9
        document["current-snapshot-id"] = document["refs"]["main"]["snapshot-id"] = 7
        document["snapshots"].append(
            {"snapshot-id": 7, "sequence-number": 9, "timestamp-ms": document["last-updated-ms"], "schema-id": 0,
             "manifest-list": manifests, "first-row-id": 0, "added-rows": 0,
             "summary": {"operation": "overwrite", "total-delete-files": "1", "total-equality-deletes": "0"}}
        )  # fmt: skip

    return write_metadata(table, third)


def _avro(table, name, schema, records, meta):
    place = f"{table.location()}/metadata/{uuid.uuid4()}.avro"
    with AvroOutputFile(table.io.new_output(place), schema, name, metadata=meta) as file:
        file.write_block(records)
    return place


def _put(table, folder, suffix, content):
    place = f"{table.location()}/{folder}/{uuid.uuid4()}{suffix}"
    with table.io.new_output(place).create() as stream:
        stream.write(content)
    return place


def as_nessie_does(document):
    """Leave of the metadata what Nessie's Iceberg REST catalog leaves: one snapshot, and no history."""
    current = next(s for s in document["snapshots"] if s["snapshot-id"] == document["current-snapshot-id"])
    current.pop("parent-snapshot-id", None)
    document["snapshots"], document["metadata-log"] = [current], []
    document["snapshot-log"] = [{"timestamp-ms": current["timestamp-ms"], "snapshot-id": current["snapshot-id"]}]


def _add_deletes(table, rows, content, partition, *, ids=None):
    path = _write(table, rows)
    file = DataFile.from_args(
        content=content, file_path=path, file_format=FileFormat.PARQUET, partition=partition or Record(),
        record_count=len(rows), file_size_in_bytes=len(table.io.new_input(path)), equality_ids=ids,
    )  # fmt: skip
    file.spec_id = table.metadata.default_spec_id
    kind = "position" if content == DataFileContent.POSITION_DELETES else "equality"
    with table.transaction() as transaction:
        told = {"added-delete-files": "1", f"added-{kind}-deletes": str(len(rows))}
        with _RowDelta(Operation.OVERWRITE, transaction, table.io, snapshot_properties=told) as delta:
            delta.file = file


class _DeleteWriter(ManifestWriterV2):
    def content(self):
        return ManifestContent.DELETES

    @property
    def _meta(self):
        return {**super()._meta, "content": "deletes"}


class _RowDelta(_FastAppendFiles):
    """A snapshot that adds a delete file."""

    file: DataFile

    def _manifests(self):
        meta = self._transaction.table_metadata
        with _DeleteWriter(meta.spec(), meta.schema(), self.new_manifest_output(), self._snapshot_id, "null") as writer:
            writer.add(
                ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED, snapshot_id=self._snapshot_id, sequence_number=None,
                    file_sequence_number=None, data_file=self.file,
                )
            )  # fmt: skip
        return [writer.to_manifest_file(), *self._existing_manifests()]


def _write(table, rows):
    path = f"{table.location()}/data/{uuid.uuid4().hex}.parquet"
    data = io.BytesIO()
    parquet.write_table(rows, data)
    with table.io.new_output(path).create() as stream:
        stream.write(data.getvalue())
    return path


def _read(table, path):
    with table.io.new_input(path).open() as stream:
        return parquet.read_table(stream)
