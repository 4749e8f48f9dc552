"""The cache of metadata files is bounded by bytes: files of a table grow with each of its snapshots."""

from __future__ import annotations

import tracemalloc
import uuid
from typing import Any

import pytest
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil

from lagoa.catalog import metadata_files
from lagoa.catalog.metadata_files import MetadataFiles
from lagoa.storage.local import LocalStorage

HISTORY = 300


def metadata(snapshots: int, fields: int = 3) -> TableMetadata:
    """Return the metadata of a table with so many snapshots and columns."""
    columns = [{"id": 1 + at, "name": f"c{at}", "required": False, "type": "long"} for at in range(fields)]
    document: dict[str, Any] = {
        "format-version": 2, "table-uuid": str(uuid.uuid4()), "location": "/x", "last-sequence-number": snapshots,
        "last-updated-ms": 1, "last-column-id": fields, "current-schema-id": 0, "default-spec-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": columns}], "last-partition-id": 999,
        "partition-specs": [{"spec-id": 0, "fields": []}], "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}], "current-snapshot-id": snapshots, "properties": {},
        "snapshots": [
            {
                "snapshot-id": at, "sequence-number": at, "timestamp-ms": at, "schema-id": 0,
                "manifest-list": f"/x/metadata/snap-{uuid.uuid4()}.avro",
                "summary": {"operation": "append", **{f"total-{name}": "1000" for name in ("records", "data-files")}},
            }
            for at in range(1, snapshots + 1)
        ],
        "snapshot-log": [{"snapshot-id": at, "timestamp-ms": at} for at in range(1, snapshots + 1)],
    }  # fmt: skip
    return TableMetadataUtil.parse_obj(document)


@pytest.mark.parametrize(("snapshots", "fields"), [(HISTORY, 3), (1, 1500)])
def test_a_size_is_about_what_a_file_takes(snapshots: int, fields: int) -> None:
    metadata(1)  # what is imported at first is not counted
    tracemalloc.start()
    made = [metadata(snapshots, fields) for _ in range(3)]
    taken = tracemalloc.get_traced_memory()[0] / len(made)
    tracemalloc.stop()
    assert taken / 3 < metadata_files._parsed_size(made[0]) < taken * 3


def test_files_of_a_long_history_push_each_other_out(tmp_path) -> None:
    files = MetadataFiles(LocalStorage(tmp_path))
    long, size = metadata(HISTORY), metadata_files._parsed_size(metadata(HISTORY))
    most = metadata_files._PARSED // size
    for number in range(most + 10):
        files.keep(f"pointer-{number}", long)
    assert len(files._parsed._values) == most < 512
