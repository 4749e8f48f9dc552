"""Contracts guessed from Avro: the types that the file says."""

from __future__ import annotations

import pytest
from avro_files import block, header, long, one_field, text
from inferring import inferred, loaded, types

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract

PEOPLE = TableName.parse("bronze.people")
FIELDS = {
    "Id": "long",
    "age": ["null", "int"],
    "born": {"type": "int", "logicalType": "date"},
    "at": {"type": "long", "logicalType": "timestamp-micros"},
    "local": {"type": "long", "logicalType": "local-timestamp-micros"},
    "price": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    "key": {"type": "string", "logicalType": "uuid"},
    "tags": {"type": "array", "items": "string"},
    "more": {"type": "map", "values": "double"},
    "pause": {"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"},
}
ROW = (
    long(0),
    long(5),
    long(1),
    long(1),
    text(b"\1"),
    text("00000000-0000-0000-0000-000000000007"),
    long(0),
    long(0),
    b"\0" * 12,
)


def test_avro(tmp_path):
    path = tmp_path / "people.avro"
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in FIELDS.items()]}
    path.write_bytes(header(schema) + block([long(number) + b"".join(ROW) for number in range(2)]))
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {
        "id": "long",
        "age": "int",
        "born": "date",
        "at": "timestamptz",
        "local": "timestamp",
        "price": "decimal(9, 2)",
        "key": "uuid",
        "tags": "list<string>",
        "more": "map<string, double>",
        "pause": "struct<months: long, days: long, milliseconds: long>",
    }
    assert contract.source.model_dump(exclude_defaults=True) == {"format": "avro", "file": "people.avro"}
    assert contract.column("id").required
    assert contract.column("id").header == "Id"
    assert not contract.column("age").required
    assert loaded(contract, path) == (2, 0)


def test_names_that_occur_twice(tmp_path):
    path = tmp_path / "people.avro"
    path.write_bytes(header({"type": "record", "name": "r", "fields": [{"name": "a", "type": "long"}] * 2}))
    with pytest.raises(SourceError, match="has the field 'a' twice"):
        infer_contract(path, PEOPLE)


def test_without_records(tmp_path):
    path = tmp_path / "people.avro"
    path.write_bytes(header(one_field("long")))
    assert types(inferred(path, PEOPLE)[0]) == {"v": "long"}
