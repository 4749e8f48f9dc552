"""Contracts guessed from Parquet: the types that the file says."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from inferring import inferred, loaded, offered_key, types
from pyarrow import parquet

from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.formats.infer import infer_contract

PEOPLE = TableName.parse("bronze.people")


def test_parquet(tmp_path):
    path = tmp_path / "people.parquet"
    schema = pa.schema(
        [
            pa.field("Id", pa.int32(), nullable=False),
            ("big", pa.uint64()),
            ("email", pa.dictionary(pa.int32(), pa.string())),
            ("price", pa.decimal128(10, 2)),
            ("ratio", pa.float32()),
            ("day", pa.date32()),
            ("at", pa.timestamp("ms")),
            ("moment", pa.timestamp("us", "America/Sao_Paulo")),
            ("raw", pa.binary()),
            ("tags", pa.list_(pa.string())),
            ("where", pa.struct([("lat", pa.float64()), ("lng", pa.float64())])),
            ("more", pa.map_(pa.string(), pa.int64())),
            ("nothing", pa.null()),
        ]
    )
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    row = {
        "Id": 1, "big": 2**63, "email": "a@b.co", "price": Decimal("1.50"), "ratio": 0.5, "day": dt.date(2026, 1, 2),
        "at": now.replace(tzinfo=None), "moment": now, "raw": b"x", "tags": ["a"], "where": {"lat": 1.0, "lng": 2.0},
        "more": [("a", 1)], "nothing": None,
    }  # fmt: skip
    parquet.write_table(pa.Table.from_pylist([row, row | {"Id": 2, "email": None}], schema), path)
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {
        "id": "int",
        "big": "decimal(20, 0)",
        "email": "string",
        "price": "decimal(10, 2)",
        "ratio": "float",
        "day": "date",
        "at": "timestamp",
        "moment": "timestamptz",
        "raw": "binary",
        "tags": "list<string>",
        "where": "struct<lat: double, lng: double>",
        "more": "map<string, long>",
        "nothing": "string",
    }
    assert contract.source is not None
    assert contract.source.model_dump(exclude_defaults=True) == {"format": "parquet", "file": "people.parquet"}
    assert contract.column("id").required
    assert contract.column("id").header == "Id"
    assert contract.column("email").format == "email"
    assert offered_key(contract) == ("id",)
    assert loaded(contract, path) == (2, 0)


@pytest.mark.parametrize(
    "kind",
    [pa.duration("s"), pa.decimal256(50, 2), pa.list_(pa.duration("s")), pa.struct([("a b", pa.int64())])],
    ids=str,
)
def test_parquet_types_that_iceberg_lacks(tmp_path, kind):
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.table({"x": pa.nulls(1, kind)}), path)
    with pytest.raises(SourceError, match="column 'x'") as raised:
        infer_contract(path, PEOPLE)
    assert raised.value.advice


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pa.array([1, 0], pa.int8()).cast(pa.bool8()), "boolean"),
        (pa.array(['{"a": 1}', None], pa.json_()), "string"),
        (pa.array([b"0123456789abcdef"] * 2, pa.uuid()), "uuid"),
        (pa.array([b"abcd", b"efgh"], pa.binary(4)), "binary"),
        (pa.array([{"x-y": 1}, {"x-y": 2}]), "struct<`x-y`: long>"),
        (pa.array([{"@id": 1, "ção": "a"}, None]), "struct<`@id`: long, `ção`: string>"),
    ],
    ids=str,
)
def test_extension_types_and_odd_fields_load(tmp_path, values, wanted):
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.table({"x": values}), path)
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {"x": wanted}
    assert loaded(contract, path) == (2, 0)


def nested(depth):
    values = pa.array([1])
    for _ in range(depth):
        values = pa.ListArray.from_arrays([0, 1], values)
    return values


TWICE = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
BY_CASE = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "A"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (TWICE, "its struct has the field 'a' twice"),
        (BY_CASE, "its struct has the field 'a' and 'A', which differs by case only"),
        (pa.ListArray.from_arrays([0, 1], BY_CASE), "differs by case only"),
        (nested(33), "nested more than 20 deep"),
        (nested(70), "nested more than 20 deep"),
        (nested(101), "nested more than 20 deep"),
    ],
)
def test_what_no_table_can_hold_is_named(tmp_path, values, message):
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.table({"x": values}), path)
    with pytest.raises(SourceError, match=f"column 'x': .*{message}"):
        infer_contract(path, PEOPLE)


def test_a_file_without_rows_gives_a_contract(tmp_path):
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.schema([("id", pa.int64()), ("at", pa.timestamp("us"))]).empty_table(), path)
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {"id": "long", "at": "timestamp"}
    assert loaded(contract, path) == (0, 0)


def test_a_file_whose_rows_are_all_refused_gives_a_contract(tmp_path):
    path = tmp_path / "people.parquet"
    parquet.write_table(pa.table({"at": pa.array([10**18], pa.timestamp("us"))}), path)
    contract = inferred(path, PEOPLE)[0]
    assert types(contract) == {"at": "timestamp"}
    assert loaded(contract, path) == (0, 1)
