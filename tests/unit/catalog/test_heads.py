"""What is current in a metadata file, from its beginning."""

from __future__ import annotations

import gzip
import json

import pytest

from lagoa.catalog.heads import TableHead, table_head
from lagoa.errors import CatalogDamaged
from lagoa.storage.local import LocalStorage

UUID = "9c12d441-03fe-4693-9a96-a0705ddf69c1"
SCHEMAS = [{"schema-id": 0, "fields": [{"id": 1, "name": "a", "doc": '"partition-spec: "table-uuid": "x"'}]}]


def document(snapshot=7, schemas=SCHEMAS, current=0, **more):
    return {
        "location": "/w/t",
        "table-uuid": UUID,
        "schemas": schemas,
        "current-schema-id": current,
        "partition-specs": [],
        "properties": {"current-snapshot-id": "99", "note": '"current-snapshot-id": 5, "table-uuid": "y"'},
        "current-snapshot-id": snapshot,
        "snapshots": [{"snapshot-id": 7}],
        **more,
    }


def head_of(tmp_path, content, name="v1.metadata.json"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return table_head(LocalStorage(tmp_path), str(file))


def test_what_is_current_is_told(tmp_path):
    head = head_of(tmp_path, document())
    assert (head.uuid, head.snapshot) == (UUID, 7)


@pytest.mark.parametrize("none", [None, -1])
def test_a_table_without_a_snapshot(tmp_path, none):
    assert head_of(tmp_path, document(none)).snapshot is None


def test_equal_columns_have_equal_texts(tmp_path):
    first = head_of(tmp_path, document(7))
    assert head_of(tmp_path, document(8, **{"last-updated-ms": 5})).schemas == first.schemas
    assert head_of(tmp_path, document(7, current=1)).schemas != first.schemas
    other = [{"schema-id": 0, "fields": [{"id": 1, "name": "b"}]}]
    assert head_of(tmp_path, document(7, other)).schemas != first.schemas


def test_the_history_behind_it_is_not_read(tmp_path):
    whole = json.dumps(document(snapshots=[{"snapshot-id": number} for number in range(20_000)])).encode()
    assert head_of(tmp_path, whole[:100_000]).snapshot == 7, "the rest is missing"


def test_java_puts_the_current_schema_first(tmp_path):
    found = document()
    java = {name: found[name] for name in ("table-uuid", "location", "current-schema-id", "schemas", "partition-specs")}
    head = head_of(tmp_path, {"format-version": 2, **java, "current-snapshot-id": 7, "snapshots": []})
    assert (head.uuid, head.snapshot) == (UUID, 7)


def test_what_its_beginning_does_not_tell_is_read_as_a_whole(tmp_path):
    packed = head_of(tmp_path, gzip.compress(json.dumps(document()).encode()))
    many = [{"schema-id": 0, "fields": [{"id": number, "name": "x" * 100} for number in range(1_000)]}]
    wide = head_of(tmp_path, document(schemas=many))
    old = head_of(tmp_path, {"location": "/w/t", "schema": {"fields": []}})
    assert [(each.uuid, each.snapshot) for each in (packed, wide, old)] == [(UUID, 7), (UUID, 7), ("", None)]
    assert isinstance(old, TableHead)


@pytest.mark.parametrize("content", [None, b"{", b""])
def test_a_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "v1.metadata.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CatalogDamaged, match="The catalog points to"):
        table_head(LocalStorage(tmp_path), str(file))
