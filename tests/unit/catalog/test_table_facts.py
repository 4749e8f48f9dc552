"""What a metadata file says of its table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from lagoa.catalog.table_facts import plain_type, table_document, table_facts
from lagoa.errors import CatalogDamaged

DOCUMENT = {
    "current-schema-id": 1,
    "schemas": [
        {"schema-id": 0, "fields": []},
        {
            "schema-id": 1,
            "fields": [
                {"id": 1, "name": "price", "type": "decimal(10, 2)"},
                {"id": 2, "name": "tags", "type": {"type": "list", "element": "string"}},
                {"id": 4, "name": "map", "type": {"type": "map", "key": "string", "value": "long"}},
                {"id": 7, "name": "at", "type": {"type": "struct", "fields": [{"name": "lat", "type": "double"}]}},
            ],
        },
    ],
    "properties": {"a": "b"},
}
TYPES = {"price": "decimal(10,2)", "tags": "list<string>", "map": "map<string,long>", "at": "struct<lat:double>"}


def facts_at(file):
    return table_facts(table_document(str(file), lambda location: Path(location).read_bytes()))


def test_the_current_schema_is_told(tmp_path):
    file = tmp_path / "v1.metadata.json"
    file.write_text(json.dumps(DOCUMENT))
    facts = facts_at(file)
    assert (facts.columns, facts.properties) == (TYPES, {"a": "b"})


def test_compressed_metadata(tmp_path):
    file = tmp_path / "v 1.gz.metadata.json"
    file.write_bytes(gzip.compress(json.dumps(DOCUMENT).encode()))
    assert facts_at(file).columns == TYPES


def test_an_old_table_has_one_schema(tmp_path):
    file = tmp_path / "v1.metadata.json"
    file.write_text(json.dumps({"schema": {"fields": [{"name": "id", "type": "long"}]}}))
    facts = facts_at(file)
    assert (facts.columns, facts.properties) == ({"id": "long"}, {})


@pytest.mark.parametrize("content", [None, b"{", b"\x1f\x8bx"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "v1.metadata.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CatalogDamaged, match="v1"):
        facts_at(file)


def test_spelling_does_not_count():
    assert plain_type("Struct<a: decimal(10, 2)>") == "struct<a:decimal(10,2)>"
    assert plain_type("struct<AnoMes: long, `x-y`: map<string, long>>") == "struct<anomes:long,x-y:map<string,long>>"


def test_names_in_structs_are_compared_as_contracts_spell_them():
    field = {"id": 2, "name": "AnoMes", "required": False, "type": "long"}
    odd = field | {"id": 3, "name": "regiao-imediata"}
    column = {"id": 1, "name": "v", "required": False, "type": {"type": "struct", "fields": [field, odd]}}
    facts = table_facts({"schema": {"type": "struct", "fields": [column]}})
    assert facts.columns["v"] == plain_type("struct<AnoMes: long, `regiao-imediata`: long>")
