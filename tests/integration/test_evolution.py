"""Tables that follow their contracts: every kind of change, read by DuckDB and PyIceberg, on a branch and published."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from lagoa.lake import open_lake
from lagoa.model import TableName

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from lagoa.lake import Lake

Columns = dict[str, Any]


def contract(root: Path, table: str, columns: Columns, **custom: Any) -> None:
    """Write a contract: columns by name, each its type or its entry; `description` and `lagoa.*` of the table."""
    layer, name = table.split(".")
    entries = []
    for column, given in columns.items():
        entry = {"physicalType": given} if isinstance(given, str) else dict(given)
        extra = {key: entry.pop(key) for key in list(entry) if key.startswith("lagoa.")}
        if extra:
            entry["customProperties"] = [{"property": key, "value": value} for key, value in extra.items()]
        entries.append({"name": column, **entry})
    schema: dict[str, Any] = {"name": name, "description": custom.pop("description", "A thing."), "properties": entries}
    if custom:
        schema["customProperties"] = [{"property": f"lagoa.{key}", "value": value} for key, value in custom.items()]
    document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": "1.0.0"}
    path = root / "iceberg" / layer / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**document, "status": "active", "schema": [schema], "team": {"name": "t"}}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lagoa.toml").write_text('name = "test"\nthreads = 1\nmemory_limit = "1GB"\n')
    return tmp_path


def rows(lake: Lake, values: str) -> pa.Table:
    return lake.sql(f"select {values}").arrow()


def content(lake: Lake, table: str, ref: str) -> list[dict[str, Any]]:
    """The rows by DuckDB, after making sure that PyIceberg reads the same."""
    by_duckdb = sorted(lake.sql(f"select * from {table}", ref).arrow().to_pylist(), key=repr)
    by_pyiceberg = lake.catalog(ref).load_table(table).scan().to_arrow().to_pylist()
    assert sorted(by_pyiceberg, key=repr) == by_duckdb, table
    return by_duckdb


@dataclass(frozen=True)
class Case:
    """A table before and after a change of its contract.

    `first` and `then` are rows written under each contract; `read` is how the first ones read after.
    """

    before: Columns
    first: str
    after: Columns
    then: str
    read: list[dict[str, Any]]
    kinds: set[str]
    was: dict[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)


K = "long"
CASES = {
    "add": Case({"k": K}, "1 as k", {"k": K, "v": "string"}, "2 as k, 'x' as v", [{"k": 1, "v": None}], {"added"}),
    "add_first": Case(
        {"k": K}, "1 as k", {"v": "string", "k": K}, "2 as k, 'x' as v", [{"v": None, "k": 1}], {"added"}
    ),
    "rename": Case(
        {"k": K, "v": "string"},
        "1 as k, 'x' as v",
        {"k": K, "w": {"physicalType": "string", "lagoa.formerName": "v"}},
        "2 as k, 'y' as w",
        [{"k": 1, "w": "x"}],
        {"renamed"},
    ),
    "rename_of_a_chain": Case(
        {"k": K, "a": "string"},
        "1 as k, 'x' as a",
        {"k": K, "c": {"physicalType": "string", "lagoa.formerName": ["b", "a"]}},
        "2 as k, 'y' as c",
        [{"k": 1, "c": "x"}],
        {"renamed"},
    ),
    "widen": Case(
        {"i": "int", "f": "float", "d": "decimal(5, 2)"},
        "17::int as i, 1.5::float as f, 1.25::decimal(5, 2) as d",
        {"i": "long", "f": "double", "d": "decimal(20, 2)"},
        "5000000000 as i, 0.1::double as f, 123456789012.25::decimal(20, 2) as d",
        [{"i": 17, "f": 1.5, "d": Decimal("1.25")}],
        {"type"},
    ),
    "widen_and_rename": Case(
        {"k": K, "i": "int"},
        "1 as k, 2::int as i",
        {"j": {"physicalType": "long", "lagoa.formerName": "i"}, "k": K},
        "2 as k, 5000000000 as j",
        [{"j": 2, "k": 1}],
        {"renamed", "type", "order"},
    ),
    "reorder": Case(
        {"a": "string", "b": "string"},
        "'a1' as a, 'b1' as b",
        {"b": "string", "a": "string"},
        "'a2' as a, 'b2' as b",
        [{"b": "b1", "a": "a1"}],
        {"order"},
    ),
    "drop": Case({"k": K, "v": "string"}, "1 as k, 'x' as v", {"k": K}, "2 as k", [{"k": 1}], {"dropped"}),
    "optional": Case(
        {"k": {"physicalType": K, "required": True}}, "1 as k", {"k": K}, "null::long as k", [{"k": 1}], {"optional"}
    ),
    "describe": Case(
        {"k": K},
        "1 as k",
        {"k": {"physicalType": K, "description": "The key."}},
        "2 as k",
        [{"k": 1}],
        {"description"},
        now={"description": "Another thing."},
    ),
    "partition": Case(
        {"k": K, "day": "date"},
        "1 as k, date '2026-11-20' as day",
        {"k": K, "day": "date"},
        "2 as k, date '2026-11-21' as day",
        [{"k": 1, "day": date(2026, 11, 20)}],
        {"partition", "sort"},
        {"partition": ["month(day)"]},
        {"partition": ["day(day)", "bucket(4, k)"], "sort": ["k desc"]},
    ),
    "rename_of_a_partition": Case(
        {"k": "int", "state": "string"},
        "1::int as k, 'SP' as state",
        {"k": K, "uf": {"physicalType": "string", "lagoa.formerName": "state"}},
        "2 as k, 'RJ' as uf",
        [{"k": 1, "uf": "SP"}],
        {"renamed", "type"},
        {"partition": ["state", "bucket(4, k)", "truncate(10, k)"], "sort": ["k"]},
        {"partition": ["uf", "bucket(4, k)", "truncate(10, k)"], "sort": ["k"]},
    ),
    "unpartition": Case(
        {"k": K, "state": "string"},
        "1 as k, 'SP' as state",
        {"k": K, "state": "string"},
        "2 as k, 'RJ' as state",
        [{"k": 1, "state": "SP"}],
        {"partition"},
        {"partition": ["state"]},
    ),
    "drop_of_a_sort_column": Case(
        {"k": K, "v": "string"},
        "1 as k, 'x' as v",
        {"k": K},
        "2 as k",
        [{"k": 1}],
        {"dropped", "sort"},
        {"sort": ["v", "k"]},
        {"sort": ["k"]},
    ),
    "drop_of_a_key_column": Case(
        {
            "k": {"physicalType": K, "required": True, "primaryKey": True, "primaryKeyPosition": 1},
            "j": {"physicalType": K, "required": True, "primaryKey": True, "primaryKeyPosition": 2},
        },
        "1 as k, 1 as j",
        {"k": {"physicalType": K, "required": True, "primaryKey": True}},
        "2 as k",
        [{"k": 1}],
        {"dropped", "key"},
    ),
    "fields": Case(
        {"s": "struct<a: int, b: string, gone: int>"},
        "{'a': 1::int, 'b': 'x', 'gone': 7::int} as s",
        {"s": {"physicalType": "struct<new: date, c: string, a: long>", "lagoa.formerFields": {"c": "b"}}},
        "{'new': null::date, 'c': 'y', 'a': 5000000000} as s",
        [{"s": {"new": None, "c": "x", "a": 1}}],
        {"added", "renamed", "type", "dropped", "order"},
    ),
    "items": Case(
        {"l": "list<struct<sku: string, n: int>>", "i": "list<int>"},
        "[{'sku': 'x', 'n': 1::int}] as l, [1::int, null] as i",
        {
            "l": {"physicalType": "list<struct<code: string, n: long>>", "lagoa.formerFields": {"element.code": "sku"}},
            "i": "list<long>",
        },
        "[{'code': 'y', 'n': 5000000000}] as l, [5000000000] as i",
        [{"l": [{"code": "x", "n": 1}], "i": [1, None]}],
        {"renamed", "type"},
    ),
    "entries": Case(
        {"m": "map<string, struct<at: struct<x: int>>>"},
        "map {'k': {'at': {'x': 1::int}}} as m",
        {
            "m": {
                "physicalType": "map<string, struct<place: struct<y: string, x: long>>>",
                "lagoa.formerFields": {"value.place": "at"},
            }
        },
        "map {'k2': {'place': {'y': 'n', 'x': 5000000000}}} as m",
        [{"m": [("k", {"place": {"y": None, "x": 1}})]}],
        {"renamed", "added", "type"},
    ),
}


def test_every_change_reads_right_by_both_engines_and_main_waits_for_it(root: Path) -> None:
    for name, case in CASES.items():
        contract(root, f"b.{name}", case.before, **case.was)
    with open_lake(root) as lake:
        dev = lake.create_branch("dev")
        with dev.write() as tx:
            for name, case in CASES.items():
                tx.append(TableName.parse(f"b.{name}"), rows(lake, case.first))
        dev.publish()
        old = {name: content(lake, f"b.{name}", "main") for name in CASES}
        assert {each.state for each in lake.contract_diff()} == {"same"}
    for name, case in CASES.items():
        contract(root, f"b.{name}", case.after, **case.now)
    with open_lake(root) as lake:
        found = {each.table.name: each for each in lake.contract_diff()}
        assert {name: {each.kind for each in found[name].differences} for name in CASES} == {
            name: case.kinds for name, case in CASES.items()
        }
        assert {each.effect for diff in found.values() for each in diff.differences} == {"evolves"}
        dev = lake.create_branch("next")
        with dev.write() as tx:
            for name, case in CASES.items():
                tx.append(TableName.parse(f"b.{name}"), rows(lake, case.then))
        new = {}
        for name, case in CASES.items():
            found_rows = content(lake, f"b.{name}", "next")
            assert [row for row in found_rows if row in case.read] == case.read, name
            assert len(found_rows) == 2, name
            assert list(found_rows[0]) == list(case.after), name
            new[name] = found_rows
        assert {name: content(lake, f"b.{name}", "main") for name in CASES} == old
        assert {each.state for each in lake.contract_diff(ref="next")} == {"same"}
        dev.publish()
        assert {name: content(lake, f"b.{name}", "main") for name in CASES} == new
        assert {name: content(lake, f"b.{name}", "main~1") for name in CASES} == old
    for name, case in CASES.items():
        contract(root, f"b.{name}", case.before, **case.was)
    with open_lake(root) as lake:
        lake.rollback("main~1")
        assert {name: content(lake, f"b.{name}", "main") for name in CASES} == old
