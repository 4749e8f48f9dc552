"""Tables that follow their contracts: every kind of change, read by DuckDB and PyIceberg, on a branch and published."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.types import LongType

from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, RebaseConflict, TableNotFound, WriteError

if TYPE_CHECKING:
    import pyarrow as pa
    from lakes import LakeFolder

    from lagoa.lake import Lake

Columns = dict[str, str | dict[str, Any]]


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
    "optional": Case({"k": "long!"}, "1 as k", {"k": K}, "null::long as k", [{"k": 1}], {"optional"}),
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
            "k": "long*",
            "j": "long*",
        },
        "1 as k, 1 as j",
        {"k": "long*"},
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

SOME = ("drop", "widen", "fields", "partition")
"""Cases that are read again after a publication and a rollback; of all others the metadata files are the same."""


def test_every_change_reads_right_by_both_engines_and_main_waits_for_it(folder: LakeFolder) -> None:
    for name, case in CASES.items():
        folder.contract(f"b.{name}", case.before, **case.was)
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        with dev.write() as tx:
            for name, case in CASES.items():
                tx.append(TableName.parse(f"b.{name}"), rows(lake, case.first))
        dev.publish()
        old = {name: content(lake, f"b.{name}", "main") for name in CASES}
        pointers = lake.tables("main")
        assert {each.state for each in lake.contract_diff()} == {"same"}
    for name, case in CASES.items():
        folder.contract(f"b.{name}", case.after, **case.now)
    with folder.open() as lake:
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
        assert lake.tables("main") == pointers
        assert {each.state for each in lake.contract_diff(ref="next")} == {"same"}
        dev.publish()
        assert lake.tables("main") == lake.tables("next")
        assert {name: content(lake, f"b.{name}", "main") for name in SOME} == {name: new[name] for name in SOME}
        assert {name: content(lake, f"b.{name}", "main~1") for name in SOME} == {name: old[name] for name in SOME}
    for name, case in CASES.items():
        folder.contract(f"b.{name}", case.before, **case.was)
    with folder.open() as lake:
        lake.rollback("main~1")
        assert lake.tables("main") == pointers
        assert {name: content(lake, f"b.{name}", "main") for name in SOME} == {name: old[name] for name in SOME}
        assert {each.state for each in lake.contract_diff()} == {"same"}


REFUSED: dict[str, tuple[Columns, Columns, str]] = {
    "text": ({"v": "long"}, {"v": "string"}, "'v' is long and cannot become string. A type can only be widened"),
    "narrower": ({"v": "long"}, {"v": "int"}, "'v' is long and cannot become int"),
    "scale": ({"v": "decimal(5, 2)"}, {"v": "decimal(9, 3)"}, "is decimal(5, 2) and cannot become decimal(9, 3)"),
    "in_a_struct": ({"v": "struct<a: date>"}, {"v": "struct<a: time>"}, "'v.a' is date and cannot become time"),
    "map_key": ({"v": "map<int, int>"}, {"v": "map<long, int>"}, "is map<int, int> and cannot become map<long, int>"),
    "list": ({"v": "list<int>"}, {"v": "int"}, "'v' is list<int> and cannot become int"),
    "in_doubt": (
        {"v": "int"},
        {"w": "long"},
        "'v', which is int, is no longer in the contract. It may be the former name of w",
    ),
    "field_in_doubt": (
        {"v": "struct<a: int>"},
        {"v": "struct<b: int>"},
        "'v.a', which is int, is no longer in the contract",
    ),
    "partition": ({"k": "long", "v": "long"}, {"k": "long"}, "The table is or was partitioned by it"),
}


def test_what_a_table_cannot_become_is_refused_with_what_to_do(folder: LakeFolder) -> None:
    for name, (before, _, _) in REFUSED.items():
        folder.contract(f"b.{name}", before, partition=["v"] if name == "partition" else [])
    with folder.open() as lake, lake.create_branch("dev").write() as tx:
        for name, (before, _, _) in REFUSED.items():
            tx.append(TableName.parse(f"b.{name}"), rows(lake, nulls(before)))
    for name, (_, after, _) in REFUSED.items():
        folder.contract(f"b.{name}", after)
    with folder.open() as lake:
        dev = lake.branch("dev")
        head = dev.head
        found = {each.table.name: each for each in lake.contract_diff(ref="dev")}
        for name, (_, after, said) in REFUSED.items():
            assert found[name].refused, name
            with pytest.raises(WriteError) as caught:
                dev.append(f"b.{name}", rows(lake, nulls(after)))
            text = str(caught.value)
            assert text.startswith(f"b.{name}: column "), text
            assert said in text
            assert text.endswith(f"`lagoa contract diff b.{name}` shows all of it. Nothing was written.")
        assert dev.head == head


def nulls(columns: Columns) -> str:
    return ", ".join(f"null::{sql_type(kind)} as {column}" for column, kind in columns.items())


def sql_type(kind: str) -> str:
    """The type in DuckDB's spelling."""
    return {
        "struct<a: date>": "struct(a date)", "struct<a: time>": "struct(a time)", "map<int, int>": "map(int, int)",
        "map<long, int>": "map(bigint, int)", "list<int>": "int[]", "struct<a: int>": "struct(a int)",
        "struct<b: int>": "struct(b int)", "long": "bigint", "string": "varchar",
    }.get(kind, kind)  # fmt: skip


def test_a_column_required_now_is_held_by_its_check(folder: LakeFolder) -> None:
    key = "long*"
    folder.contract("b.t", {"k": key, "v": "string"})
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("b.t", rows(lake, "1 as k, null::varchar as v"))
        dev.publish()
    folder.contract("b.t", {"k": key, "v": "string!"})
    with folder.open() as lake:
        (diff,) = lake.contract_diff(["b.t"])
        assert [(each.kind, each.column, each.effect) for each in diff.differences] == [("required", "v", "enforced")]
        dev = lake.branch("dev")
        dev.append("b.t", rows(lake, "2 as k, null::varchar as v"))
        assert [each.check for each in dev.audit().blocking] == ["b.t/required/v"]
        with pytest.raises(AuditFailed, match=r"b\.t/required/v"):
            dev.publish()
        dev.merge("b.t", rows(lake, "unnest([1, 2]) as k, 'x' as v"))
        dev.publish()
        assert content(lake, "b.t", "main") == [{"k": 1, "v": "x"}, {"k": 2, "v": "x"}]


def test_rows_are_merged_and_deleted_while_their_table_evolves(folder: LakeFolder) -> None:
    """The write that evolves a table also rewrites files: what stays in them is read in the new form."""
    key = "long*"
    before = {"k": key, "s": "struct<a: int, gone: int>", "l": "list<struct<n: int>>", "v": "string"}
    for table in ("b.merged", "b.deleted"):
        folder.contract(table, before)
    first = "unnest([1, 2]) as k, {'a': 1::int, 'gone': 2::int} as s, [{'n': 3::int}] as l, 'x' as v"
    with folder.open() as lake, lake.create_branch("dev").write() as tx:
        for table in ("merged", "deleted"):
            tx.append(TableName.parse(f"b.{table}"), rows(lake, first))
    items = {"physicalType": "list<struct<m: long, new: date>>", "lagoa.formerFields": {"element.m": "n"}}
    after = {"s": "struct<b: string, a: long>", "l": items, "key": {"physicalType": key, "lagoa.formerName": "k"}}
    for table in ("b.merged", "b.deleted"):
        folder.contract(table, after)
    stays = {"s": {"b": None, "a": 1}, "l": [{"m": 3, "new": None}], "key": 2}
    with folder.open() as lake:
        dev = lake.branch("dev")
        then = "1 as key, {'b': 'y', 'a': 5000000000} as s, [{'m': 4::bigint, 'new': null::date}] as l"
        assert dev.merge("b.merged", rows(lake, then)).rows_removed == 1
        merged = {"s": {"b": "y", "a": 5000000000}, "l": [{"m": 4, "new": None}], "key": 1}
        assert content(lake, "b.merged", "dev") == sorted([stays, merged], key=repr)
        assert dev.delete("b.deleted", "key = 1").rows_removed == 1
        assert content(lake, "b.deleted", "dev") == [stays]


def test_a_dropped_name_that_comes_back_is_another_column(folder: LakeFolder) -> None:
    with folder.open() as lake:
        lake.create_branch("dev")
    versions = (
        ({"k": K, "v": "string"}, "1 as k, 'old' as v"),
        ({"k": K}, "2 as k"),
        ({"k": K, "v": "string"}, "3 as k, 'new' as v"),
    )
    for columns, values in versions:
        folder.contract("b.t", columns)
        with folder.open() as lake:
            lake.branch("dev").append("b.t", rows(lake, values))
            lake.branch("dev").publish()
    with folder.open() as lake:
        assert content(lake, "b.t", "main") == [{"k": 1, "v": None}, {"k": 2, "v": None}, {"k": 3, "v": "new"}]
        assert content(lake, "b.t", "main~2") == [{"k": 1, "v": "old"}]


def test_a_drop_beside_an_addition_waits_for_a_word(folder: LakeFolder) -> None:
    folder.contract("b.t", {"k": K, "v": "string"})
    with folder.open() as lake:
        lake.create_branch("dev").append("b.t", rows(lake, "1 as k, 'x' as v"))
    folder.contract("b.t", {"k": K, "w": "string"}, dropped=["v"])
    with folder.open() as lake:
        lake.branch("dev").append("b.t", rows(lake, "2 as k, 'y' as w"))
        assert content(lake, "b.t", "dev") == [{"k": 1, "w": None}, {"k": 2, "w": "y"}]


def test_a_write_of_all_rows_makes_columns_anew(folder: LakeFolder) -> None:
    folder.contract("b.t", {"k": K})
    folder.contract("g.m", {"k": K, "v": "long"}, materialization="full")
    folder.contract("b.none", {"k": K})
    folder.model("g.m", "SELECT k, k AS v FROM b.t")
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("b.t", rows(lake, "1 as k"))
        dev.append("b.none", rows(lake, "1::bigint as k where false"))
        dev.transform()
        dev.publish()
    folder.contract("g.m", {"v": "string!", "k": "int"}, materialization="full")
    folder.contract("b.t", {"k": "string"})
    folder.contract("b.none", {"k": "date!"})
    folder.model("g.m", "SELECT 'x' || k AS v, CAST(k AS INTEGER) AS k FROM b.t")
    with folder.open() as lake:
        effects = {each.table.name: {diff.effect for diff in each.differences} for each in lake.contract_diff()}
        assert effects == {"m": {"evolves"}, "t": {"refused"}, "none": {"evolves"}}
        dev = lake.branch("dev")
        dev.replace("b.t", rows(lake, "'7' as k"))
        dev.append("b.none", rows(lake, "date '2026-11-20' as k"))
        dev.transform()
        assert dev.transform()[0].skipped
        dev.publish()
        assert content(lake, "b.t", "main") == [{"k": "7"}]
        assert content(lake, "g.m", "main") == [{"v": "x7", "k": 7}]
        assert content(lake, "g.m", "main~1") == [{"k": 1, "v": 1}]
        assert [field.required for field in lake.catalog().load_table("g.m").schema().fields] == [True, False]


def test_two_branches_that_evolve_one_table_conflict(folder: LakeFolder) -> None:
    folder.contract("b.t", {"k": K})
    with folder.open() as lake:
        lake.create_branch("dev").append("b.t", rows(lake, "1 as k"))
        lake.branch("dev").publish()
        for name in ("one", "two"):
            lake.create_branch(name)
    for name in ("one", "two"):
        folder.contract("b.t", {"k": K, name: "string"})
        with folder.open() as lake:
            assert lake.branch(name).evolve() == [TableName.parse("b.t")]
            assert lake.branch(name).evolve() == []
    with folder.open() as lake:
        lake.branch("two").publish()
        with pytest.raises(RebaseConflict, match=r"its column 'two' is another one than 'one'"):
            lake.branch("one").publish()
        assert content(lake, "b.t", "main") == [{"k": 1, "two": None}]


def test_what_another_writer_changed_is_brought_back(folder: LakeFolder) -> None:
    """The comparison rests on the table as it stands, not on the contract that it was brought to last."""
    folder.contract("b.t", {"k": K, "v": "string"})
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("b.t", rows(lake, "1 as k, 'x' as v"))
        with dev.catalog().load_table("b.t").update_schema() as update:
            update.add_column("other", LongType()).move_first("v").update_column("k", doc="of theirs")
        (diff,) = lake.contract_diff(ref="dev")
        assert {each.kind for each in diff.differences} == {"dropped", "order", "description"}
        dev.append("b.t", rows(lake, "2 as k, 'y' as v"))
        assert content(lake, "b.t", "dev") == [{"k": 1, "v": "x"}, {"k": 2, "v": "y"}]
        assert lake.contract_diff(ref="dev")[0].state == "same"


def test_a_diff_reads_both_sides_in_the_columns_after(folder: LakeFolder) -> None:
    key = "long*"
    before = {"k": key, "s": "struct<a: int, gone: int>", "l": "list<struct<n: int>>", "m": "map<string, list<int>>"}
    folder.contract("b.t", before)
    first = (
        "unnest([1, 2]) as k, {'a': 1::int, 'gone': 2::int} as s, [{'n': 3::int}, null] as l, map {'x': [4::int]} as m"
    )
    with folder.open() as lake:
        lake.create_branch("dev").append("b.t", rows(lake, first))
        lake.create_branch("next", "dev")
    items = {"physicalType": "list<struct<p: string, o: long>>", "lagoa.formerFields": {"element.o": "n"}}
    folder.contract("b.t", {"k": key, "s": "struct<a: long>", "l": items, "m": "map<string, list<long>>"})
    then = "2 as k, {'a': 5} as s, [{'p': 'y', 'o': 6}] as l, map {'z': [7]} as m"
    with folder.open() as lake:
        lake.branch("next").merge("b.t", rows(lake, then))
        (found,) = lake.diff("dev", "next").tables
        assert (found.rows_added, found.rows_changed, found.rows_removed) == (0, 1, 0)
        (sample,) = found.samples
        assert sample.before == {"k": 2, "s": {"a": 1}, "l": [{"p": None, "o": 3}, None], "m": {"x": [4]}}
        assert sample.after == {"k": 2, "s": {"a": 5}, "l": [{"p": "y", "o": 6}], "m": {"z": [7]}}
        after = {change.column: change.after for change in found.columns}
        assert after == {"s": "struct<a: long>", "l": items["physicalType"], "m": "map<string, list<long>>"}


def test_files_into_a_table_that_had_no_source_and_asked_for_less(folder: LakeFolder) -> None:
    folder.contract("b.t", {"k": K, "v": "string"})
    with folder.open() as lake:
        lake.create_branch("dev").append("b.t", rows(lake, "1 as k, null::varchar as v"))
    folder.contract("b.t", {"k": K, "v": "string!"}, source={"format": "csv"})
    file = folder.file("t.csv", "k,v\n2,x\n3,\n")
    with folder.open() as lake:
        result = lake.branch("dev").ingest(file, "b.t", batch="one")
        assert (result.accepted, result.quarantined, dict(result.rules)) == (1, 1, {"required/v": 1})
        found = [(row["k"], row["v"], row["_batch_id"]) for row in content(lake, "b.t", "dev")]
        assert found == [(1, None, None), (2, "x", "one")]
        states = {str(each.table): [diff.kind for diff in each.differences] for each in lake.contract_diff(ref="dev")}
        assert states == {"b.t": ["required"]}
        with pytest.raises(TableNotFound):
            lake.branch("dev").evolve(["b.none"])


def test_the_former_name_of_a_partition_column_can_be_used_again(folder: LakeFolder) -> None:
    renamed = {"physicalType": "string", "lagoa.formerName": "state"}
    steps: list[tuple[Columns, list[str], str]] = [
        ({"k": K, "state": "string"}, ["state"], "1 as k, 'SP' as state"),
        ({"k": K, "uf": renamed}, ["uf"], "2 as k, 'RJ' as uf"),
        ({"k": K, "uf": "string", "state": "string"}, ["uf"], "3 as k, 'BA' as uf, 'open' as state"),
        ({"k": K, "uf": "string", "state": "string"}, ["uf", "state"], "4 as k, 'BA' as uf, 'shut' as state"),
    ]
    for columns, partition, values in steps:
        folder.contract("b.t", columns, partition=partition)
        with folder.open() as lake:
            dev = lake.create_branch("dev") if len(lake.refs()) == 1 else lake.branch("dev")
            dev.append("b.t", rows(lake, values))
    with folder.open() as lake:
        found = [tuple(row.values()) for row in content(lake, "b.t", "dev")]
        assert found == [(1, "SP", None), (2, "RJ", None), (3, "BA", "open"), (4, "BA", "shut")]
        assert {field.name for field in lake.catalog("dev").load_table("b.t").spec().fields} == {"uf", "state"}
