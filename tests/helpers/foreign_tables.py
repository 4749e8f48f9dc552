"""What other engines write into Iceberg tables and PyIceberg does not: delete files, files without field ids."""

from __future__ import annotations

import io
import json
import uuid

import pyarrow as pa
from pyarrow import parquet
from pyiceberg.manifest import (
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


def add_file(table, rows, *, partition=None, mapping=True):
    """Add a file whose columns have no field ids, as files of a Hive table have none."""
    path = _write(table, rows)
    size = len(table.io.new_input(path))
    file = DataFile.from_args(
        content=DataFileContent.DATA, file_path=path, file_format=FileFormat.PARQUET,
        partition=partition or Record(), record_count=len(rows), file_size_in_bytes=size,
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
