"""Writes to a branch: what lands, what is refused, and what others see meanwhile."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from foreign_tables import delete_positions

from lagoa.domain.commits import Batch, Change
from lagoa.domain.tables import LINEAGE_COLUMNS, TableName
from lagoa.errors import (
    BatchChanged,
    BatchHeld,
    CommitLost,
    ContractError,
    QueryError,
    RefProtected,
    TableNotFound,
    WriteError,
)
from lagoa.write import SessionQuery, begin

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.branch import Branch
    from lagoa.lake import Lake

A, B = TableName.parse("bronze.a"), TableName.parse("bronze.b")


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    key = {"physicalType": "long*", "description": "x"}
    folder.contract("bronze.a", {"k": key, "v": "string", "t": "long"}, orderBy="t")
    folder.contract("bronze.b", "k:long* v:string")
    return folder


def rows(*values: tuple[Any, ...], names: str = "k v t") -> pa.Table:
    types = {"k": pa.int64(), "v": pa.string(), "t": pa.int64()}
    columns = names.split()
    return pa.table({name: pa.array([row[at] for row in values], types[name]) for at, name in enumerate(columns)})


def content(lake: Lake, table: str = "bronze.a", ref: str = "dev") -> list[tuple[Any, ...]]:
    """The rows by DuckDB, after making sure that PyIceberg reads the same."""
    by_duckdb = sorted(lake.sql(f"select * from {table}", ref).fetchall(), key=repr)
    by_pyiceberg = lake.catalog(ref).load_table(table).scan().to_arrow().to_pylist()
    assert sorted((tuple(row.values()) for row in by_pyiceberg), key=repr) == by_duckdb
    return by_duckdb


def files(lake: Lake, table: str = "bronze.a") -> set[str]:
    return {task.file.file_path for task in lake.catalog("dev").load_table(table).scan().plan_files()}


def test_append_makes_the_table_from_its_contract(lake: Lake, dev: Branch) -> None:
    result = dev.append("bronze.a", rows((1, "x", 1), (2, None, 2)))
    assert (result.rows_added, result.files, result.skipped) == (2, 1, False)
    assert content(lake) == [(1, "x", 1), (2, None, 2)]
    table = lake.catalog("dev").load_table("bronze.a")
    assert [field.required for field in table.schema().fields] == [True, False, False]
    assert table.schema().find_field("k").doc == "x"
    assert table.properties["comment"]
    assert not lake.tables("main")


@pytest.mark.parametrize("kind", ["table", "reader", "frame", "query"])
def test_rows_come_from_anything(lake: Lake, dev: Branch, kind: str) -> None:
    table = rows((1, "x", 1), (2, "y", 2))
    dev.append("bronze.b", rows((1, "x"), (2, "y"), names="k v"))
    source: Any = {
        "table": table,
        "reader": table.to_reader(),
        "frame": pd.DataFrame({"v": ["x", "y"], "t": [1, 2], "k": [1, 2]}),
        "query": "select v, k as t, k from bronze.b; ",
    }[kind]
    assert dev.append("bronze.a", source).rows_added == 2
    assert content(lake) == [(1, "x", 1), (2, "y", 2)]


def test_what_cannot_be_written_leaves_no_trace(lake: Lake, dev: Branch) -> None:
    head = dev.head
    for source, error in [
        (rows((None, "x", 1)), "'k' is required and null in 1 row"),
        (rows((1, "x"), names="k v"), "no column 't'"),
        (rows((1, "x", 1)).append_column("z", pa.array([1])), "table has no column 'z'"),
        (pa.table({"k": [1.5], "v": ["x"], "t": [1]}), "cannot hold 1.5"),
        ([{"k": 1}], "cannot come from a list"),
    ]:
        with pytest.raises(WriteError, match=error):
            dev.append("bronze.a", source)
    with pytest.raises(ContractError, match="no contract"):
        dev.append("bronze.unknown", rows((1, "x", 1)))
    with pytest.raises(TableNotFound):
        dev.append("bronze.a", "select * from bronze.nope")
    with pytest.raises(QueryError):
        dev.append("bronze.a", "select * from read_csv('/etc/passwd')")
    with pytest.raises(RefProtected):
        begin(lake.context, "main")
    assert dev.head == head
    assert not list(Path(lake.settings.warehouse_location).rglob("*.parquet"))


def test_several_tables_land_in_one_commit_or_not_at_all(lake: Lake, dev: Branch) -> None:
    head = dev.head
    with pytest.raises(RuntimeError, match="stop"), dev.write("both") as tx:  # noqa: PT012
        tx.append(A, rows((1, "x", 1)))
        raise RuntimeError("stop")
    assert dev.head == head
    with dev.write("both") as tx:
        tx.append(A, rows((1, "x", 1)))
        tx.append(B, "select k, v from bronze.a")  # reads what this transaction wrote
        tx.append(A, rows((2, "y", 2)))
        assert dev.head == head
    assert tx.commit is not None
    assert lake.resolve("dev").id == tx.commit.id
    assert tx.commit.parents == (head,)
    assert content(lake) == [(1, "x", 1), (2, "y", 2)]
    assert content(lake, "bronze.b") == [(1, "x")]
    intents = json.loads(tx.commit.properties["lagoa.intents"])
    assert [(intent["kind"], intent["table"]) for intent in intents] == [
        ("append", "bronze.a"), ("append", "bronze.b"), ("append", "bronze.a")
    ]  # fmt: skip
    assert set(intents[0]["files"]) | set(intents[2]["files"]) == files(lake)


def test_an_intent_says_all_that_a_replay_needs(lake: Lake, dev: Branch) -> None:
    with dev.write() as tx:
        tx.merge(A, rows((1, "x", 1)), batch=Batch("b1", "f1"))
        tx.delete(A, "k > 5")
        tx.replace(A, rows((2, "y", 2)), kind="model", properties={"lagoa.fingerprint": "abc"})
    assert tx.commit is not None
    merge, model = json.loads(tx.commit.properties["lagoa.intents"])
    table = lake.catalog("dev").load_table("bronze.a")
    assert merge["batch"] == {"id": "b1", "fingerprint": "f1"}
    assert merge["key"] == ["k"]
    assert model["kind"] == "model"
    assert model["fingerprint"] == table.properties["lagoa.fingerprint"] == "abc"
    assert model["snapshot"] == table.metadata.current_snapshot_id
    assert (model["schema"], model["spec"]) == (table.metadata.current_schema_id, table.metadata.default_spec_id)
    dev.append("bronze.a", rows((3, "z", 3)))
    assert "lagoa.fingerprint" not in lake.catalog("dev").load_table("bronze.a").properties


def test_replace_puts_rows_in_the_place_of_all(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows((1, "x", 1), (2, "y", 2)))
    result = dev.replace("bronze.a", "select k + 10 as k, v, t from bronze.a where k = 1")
    assert (result.rows_added, result.rows_removed) == (1, 2)
    assert content(lake) == [(11, "x", 1)]
    assert dev.replace("bronze.a", "select * from bronze.a where false").rows_removed == 1
    assert content(lake) == []
    assert dev.replace("bronze.a", rows((5, "z", 5))).rows_added == 1
    assert content(lake) == [(5, "z", 5)]
    assert len(lake.catalog("dev").load_table("bronze.a").history()) == 4


def test_a_table_that_is_replaced_again_and_again_keeps_no_manifest_of_files_that_are_gone(
    lake: Lake, dev: Branch
) -> None:
    dev.append("bronze.a", rows((100, "stays", 1)))
    dev.append("bronze.a", rows((0, "x", 1)))
    for number in range(1, 6):
        dev.merge("bronze.a", rows((0, f"x{number}", number)))
    table = lake.catalog("dev").load_table("bronze.a")
    manifests = table.current_snapshot().manifests(table.io)
    live = [each for each in manifests if each.has_added_files() or each.has_existing_files()]
    assert (len(live), len(manifests)) == (2, 3)  # the third has what this merge removed
    assert content(lake) == [(0, "x5", 5), (100, "stays", 1)]
    assert table.scan().to_arrow().num_rows == 2
    dev.replace("bronze.a", rows((7, "z", 7)))
    table = lake.catalog("dev").load_table("bronze.a")
    assert len(table.current_snapshot().manifests(table.io)) == 2


def test_merge_updates_and_adds_and_the_latest_wins(lake: Lake, dev: Branch) -> None:
    assert dev.merge("bronze.a", rows((1, "old", 5), (2, "b", 5), (3, "c", None))).rows_added == 3
    result = dev.merge(
        "bronze.a",
        rows((1, "late", 4), (2, "same", 5), (2, "older", 4), (3, "d", 1), (4, "n", None), (4, "m", 1), (4, "k", 1)),
    )
    assert (result.rows_added, result.rows_removed) == (3, 2)
    assert content(lake) == [(1, "old", 5), (2, "same", 5), (3, "d", 1), (4, "m", 1)]
    assert dev.merge("bronze.a", rows((3, "null is oldest", None), (9, "new", None))).rows_added == 1
    assert content(lake)[2:] == [(3, "d", 1), (4, "m", 1), (9, "new", None)]
    head = dev.head
    assert dev.merge("bronze.a", rows((1, "late", 1))).rows_added == 0
    assert dev.head == head, "nothing came, nothing is committed"


def test_merge_takes_another_key_and_order(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows((1, "x", 1), (2, "x", 1), (3, "y", 9)))
    dev.merge("bronze.a", rows((7, "y", 2)), key=["v"], order_by="k")
    assert content(lake) == [(1, "x", 1), (2, "x", 1), (7, "y", 2)]
    dev.merge("bronze.a", rows((8, "x", 1)), key=["v", "t"], order_by="k")
    assert content(lake) == [(7, "y", 2), (8, "x", 1)]
    for bad in ({"key": ["nope"]}, {"order_by": "nope"}):
        with pytest.raises(WriteError, match="no column 'nope'"):
            dev.merge("bronze.a", rows((8, "x", 1)), **bad)
    with pytest.raises(WriteError, match="key column 'v' is null in 1 row"):
        dev.merge("bronze.a", rows((8, None, 1)), key=["v"])


def test_merge_needs_a_key(folder: LakeFolder, lake: Lake, dev: Branch) -> None:
    folder.contract("bronze.keyless", "k:long")
    with pytest.raises(WriteError, match="needs a key"):
        dev.merge("bronze.keyless", pa.table({"k": [1]}))


def test_merge_leaves_files_alone_that_hold_no_such_key(lake: Lake, dev: Branch) -> None:
    for start in (0, 100, 200):
        dev.append("bronze.a", rows(*((start + at, "x", 1) for at in range(10))))
    dev.append("bronze.a", rows(*((at, "spread", 1) for at in (50, 150, 250))))
    before = files(lake)
    assert dev.merge("bronze.a", rows((105, "new", 2))).rows_removed == 1
    assert len(before & files(lake)) == 3, "the file that spans all keys holds none of them"
    assert dev.merge("bronze.a", rows((1000, "new", 2))).rows_removed == 0
    assert len(before & files(lake)) == 3


def test_merge_that_replaces_a_whole_file_drops_it(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows((1, "x", 1), (2, "y", 1)))
    dev.merge("bronze.a", rows((1, "a", 2), (2, "b", 2)))
    assert content(lake) == [(1, "a", 2), (2, "b", 2)]
    assert len(files(lake)) == 1


def test_delete_removes_the_rows_for_which_it_is_true(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.a", rows((1, "x", 1), (2, None, 2)))
    dev.append("bronze.a", rows((3, "x", 3), (4, "z", 4)))
    dev.append("bronze.b", rows((4, "z"), names="k v"))
    before = files(lake)
    assert dev.delete("bronze.a", "v = 'x' and t < 3").rows_removed == 1
    assert content(lake) == [(2, None, 2), (3, "x", 3), (4, "z", 4)], "null is not true"
    assert len(before & files(lake)) == 1
    assert dev.delete("bronze.a", "k in (select k from bronze.b) -- with a comment").rows_removed == 1
    assert dev.delete("bronze.a", "k = 77").rows_removed == 0
    assert dev.delete("bronze.a", "true").rows_removed == 2
    assert content(lake) == []
    assert dev.delete("bronze.a", "true").rows_removed == 0
    for bad in ("k = (from 'x.csv')", "1); drop table bronze.a; select (1", "getenv('x')", "k = "):
        with pytest.raises(QueryError):
            dev.delete("bronze.a", bad)
    with pytest.raises(TableNotFound):
        dev.delete("bronze.nope", "true")
    with pytest.raises(TableNotFound):
        dev.delete("bronze.a", "k in (select k from bronze.nope)")


def test_a_batch_comes_into_a_table_once(lake: Lake, dev: Branch) -> None:
    assert dev.append("bronze.a", rows((1, "x", 1), (2, "y", 2)), batch="monday").rows_added == 2
    head = dev.head
    assert dev.append("bronze.a", rows((2, "y", 2), (1, "x", 1)), batch="monday").skipped
    assert dev.head == head
    with pytest.raises(BatchChanged):
        dev.append("bronze.a", rows((1, "x", 1)), batch="monday")
    with pytest.raises(BatchChanged):
        dev.merge("bronze.a", rows((1, "x", 1), (2, "y", 2), (2, "y", 2)), batch="monday")
    assert dev.append("bronze.b", rows((1, "x"), names="k v"), batch="monday").rows_added == 1
    assert dev.append("bronze.a", rows((1, "x", 1)).slice(0, 0), batch="empty").rows_added == 0
    assert dev.append("bronze.a", rows((1, "x", 1)).slice(0, 0), batch="empty").skipped
    assert content(lake) == [(1, "x", 1), (2, "y", 2)]
    assert dev.head != head, "an empty batch is remembered too"


def test_a_result_names_the_metadata_that_the_table_has_after_the_write(lake: Lake, dev: Branch) -> None:
    def pointer() -> str:
        return lake.tables("dev")[A]

    first = dev.append("bronze.a", rows((1, "x", 1)), batch="one")
    assert first.pointer == pointer()
    again = dev.append("bronze.a", rows((1, "x", 1)), batch="one")
    assert again.skipped
    assert again.pointer == first.pointer == pointer()
    assert dev.delete("bronze.a", "k > 1").pointer == first.pointer
    assert dev.merge("bronze.a", rows((1, "y", 2))).pointer == pointer() != first.pointer


@pytest.mark.parametrize("batch", ["", Batch("", "f")])
def test_a_batch_has_an_id(lake: Lake, dev: Branch, batch: str | Batch) -> None:
    head = dev.head
    with pytest.raises(WriteError, match="the id of the batch is empty"):
        dev.append("bronze.a", rows((1, "x", 1)), batch=batch)
    assert dev.head == head


def test_a_batch_that_was_held_is_refused(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.b", rows((1, "x"), names="k v"))
    namespaces = {("bronze",): {"lagoa.held.a.b1": "f1"}}
    lake.context.catalog.commit("dev", dev.head, Change(message="hold", namespaces=namespaces))
    for name in ("b1", "another id"):
        with pytest.raises(BatchHeld, match="'b1'"):
            dev.append("bronze.a", rows((1, "x", 1)), batch=Batch(name, "f1"))
    assert dev.append("bronze.a", rows((1, "x", 1)), batch=Batch("b1", "f2")).rows_added == 1


@pytest.mark.parametrize(
    ("predicate", "what"),
    [
        ("random() < 0.5", "random"),
        ("v = uuid()::varchar", "uuid"),
        ("k in (select k from bronze.b where random() > 0)", "random"),
        ("now() > timestamptz '2020-01-01'", "now"),
        ("current_date > date '2020-01-01'", "current_date"),
        ("CURRENT_TIMESTAMP is null", "current_timestamp"),
        ("age(timestamp '2020-01-01') > interval 1 day", "age"),
        ("k in (select k from bronze.b using sample 1)", "a sample"),
        ("k in (select k from bronze.b tablesample 50%)", "a sample"),
    ],
)
def test_a_delete_by_chance_or_by_the_clock_is_refused(dev: Branch, predicate: str, what: str) -> None:
    dev.append("bronze.a", rows(*((number, "x", 1) for number in range(100))))
    dev.append("bronze.b", rows((1, "x"), names="k v"))
    head = dev.head
    with pytest.raises(QueryError, match=rf"depends on {what},"):
        dev.delete("bronze.a", predicate)
    assert dev.head == head
    assert dev.delete("bronze.a", "age(timestamp '2020-01-02', timestamp '2020-01-01') < interval 9 day").rows_removed


@pytest.mark.parametrize("predicate", ["missing = 1", "v::int = 1", "sum(k) > 1"])
def test_an_error_in_a_delete_shows_the_condition_only(dev: Branch, predicate: str) -> None:
    dev.append("bronze.a", rows((1, "x", 1)))
    with pytest.raises(QueryError) as caught:
        dev.delete("bronze.a", predicate)
    assert predicate in caught.value.message
    assert not {"LINE", "SELECT", "read_parquet", "_lagoa"} & set(caught.value.message.replace("(", " ").split())


def test_lineage_is_filled_where_it_is_missing(folder: LakeFolder, lake: Lake, dev: Branch) -> None:
    folder.contract("bronze.s", "k:long* v:string", source={"format": "csv"})
    dev.append("bronze.s", rows((1, "x"), (2, "y"), names="k v"), batch="b1")
    dev.append("bronze.s", "select 3 as k, 'z' as v, 'file.csv' as _source, 7 as _row")
    found = content(lake, "bronze.s")
    names = lake.sql("select * from bronze.s", "dev").columns
    assert tuple(names[2:]) == LINEAGE_COLUMNS
    assert [(row[0], row[4], row[5]) for row in found] == [(1, "api", 1), (2, "api", 2), (3, "file.csv", 7)]
    assert [row[2] for row in found[:2]] == ["b1", "b1"]
    assert found[2][2] not in {None, "b1"}
    dev.merge("bronze.s", rows((1, "first"), (1, "last"), (1, "a"), names="k v"))
    assert content(lake, "bronze.s")[0][1] == "a", "among equals the last record stays"


def test_a_session_query_is_trusted_and_takes_parameters(lake: Lake, dev: Branch) -> None:
    with dev.write() as tx, lake.context.engine.session({}) as session:
        session.register("given", rows((1, "x", 1)))
        query = SessionQuery(session, "select k, ? as v, t from given", ["bound"])
        tx.append(A, query)
        tx.merge(A, SessionQuery(session, "select 2 as k, $1 as v, 7 as t", ["merged"]))
        assert not tx.append(A, SessionQuery(session, "select 3 as k, ? as v, 7 as t", ["b"]), batch="b").skipped
    assert content(lake) == [(1, "bound", 1), (2, "merged", 7), (3, "b", 7)]


def test_a_lost_race_on_other_tables_is_no_loss(lake: Lake, dev: Branch) -> None:
    with dev.write("mine") as tx:
        tx.append(A, rows((1, "x", 1)))
        dev.append("bronze.b", rows((1, "x"), names="k v"))
    assert content(lake) == [(1, "x", 1)]
    assert content(lake, "bronze.b") == [(1, "x")]
    assert [commit.message for commit in lake.log("dev")][:2] == ["mine", "append to bronze.b"]


def test_a_lost_race_on_the_same_table_is_said(lake: Lake, dev: Branch) -> None:
    dev.append("bronze.b", rows((1, "x"), names="k v"))
    with pytest.raises(CommitLost) as caught, dev.write("mine") as tx:  # noqa: PT012
        tx.append(A, rows((1, "x", 1)))
        tx.append(B, rows((2, "x"), names="k v"))
        dev.append("bronze.b", rows((3, "x"), names="k v"))
    assert caught.value.tables == (B,)
    assert A not in lake.tables("dev")
    assert content(lake, "bronze.b") == [(1, "x"), (3, "x")]


def test_threads_write_different_tables_at_once(folder: LakeFolder) -> None:
    for number in range(4):
        folder.contract(f"bronze.t{number}", "k:long")
    with folder.open() as lake:
        lake.create_branch("dev")
        failed: list[BaseException] = []

        def load(number: int) -> None:
            try:
                for at in range(3):
                    lake.branch("dev").append(f"bronze.t{number}", pa.table({"k": [at]}))
            except BaseException as error:  # noqa: BLE001 - told to the test
                failed.append(error)

        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        for number in range(4):
            assert content(lake, f"bronze.t{number}") == [(0,), (1,), (2,)]


def test_a_table_follows_its_contract(folder: LakeFolder, lake: Lake, dev: Branch) -> None:
    folder.contract("bronze.e", "k:int! v:string! f:long", sort=["k"])
    dev.append("bronze.e", pa.table({"k": pa.array([1], pa.int32()), "v": ["x"], "f": [1]}))
    lake.close()
    columns = {"k": "long!", "name": {"physicalType": "string", "lagoa.formerName": "v"}}
    columns |= {"f": "long", "extra": "string", "must": "long!"}
    folder.contract("bronze.e", columns, partition=["bucket(4, k)"], sort=["f desc"])
    with folder.open() as later:
        branch = later.branch("dev")
        branch.append("bronze.e", "select 5000000000 as k, null as name, 2 as f, 'new' as extra, 3 as must")
        assert content(later, "bronze.e") == [(1, "x", 1, None, None), (5000000000, None, 2, "new", 3)]
        table = later.catalog("dev").load_table("bronze.e")
        assert [str(field.transform) for field in table.spec().fields] == ["bucket[4]"]
        assert table.sort_order().fields[0].source_id == 3
        assert [field.required for field in table.schema().fields] == [True, False, False, False, False]
        branch.merge("bronze.e", "select 1 as k, 'y' as name, 9 as f, '' as extra, 1 as must", key=["k"])
        assert content(later, "bronze.e") == [(1, "y", 9, "", 1), (5000000000, None, 2, "new", 3)]
        branch.delete("bronze.e", "name is null")
        assert content(later, "bronze.e") == [(1, "y", 9, "", 1)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("k:string! v:string", "'k' is long and cannot become string"),
        ("k:long! w:string", "'v', which is string, is no longer in the contract"),
    ],
)
def test_what_a_table_cannot_become_is_said(
    folder: LakeFolder, lake: Lake, dev: Branch, columns: str, said: str
) -> None:
    folder.contract("bronze.e", "k:long! v:string")
    dev.append("bronze.e", rows((1, "x"), names="k v"))
    lake.close()
    folder.contract("bronze.e", columns)
    with folder.open() as later, pytest.raises(WriteError, match=said):
        later.branch("dev").append("bronze.e", rows((1, "x"), names="k v"))


def test_rows_of_no_table_are_written_into_any_partition(folder: LakeFolder) -> None:
    folder.contract("bronze.p", "k:long* v:string", partition=["bucket(4, k)", "truncate(2, v)"])
    folder.contract("bronze.q", "k:long* f:fixed[2]", partition=["bucket(4, k)"])
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("bronze.p", "SELECT 1::BIGINT AS k, 'abc' AS v")
        assert content(lake, "bronze.p") == [(1, "abc")]
        with pytest.raises(WriteError, match=r"partitioned by bucket\[4\], and has a column of a type"):
            dev.append("bronze.q", "SELECT 1::BIGINT AS k, 'ab'::BLOB AS f")


def test_a_uuid_is_written_beside_a_fixed(folder: LakeFolder) -> None:
    folder.contract("bronze.u", "u:uuid f:fixed[2]", sort=["u"])
    folder.contract("bronze.inside", "u:list<uuid> f:fixed[2]")
    ids = [uuid.UUID(int=2**128 - 1), uuid.UUID(int=5), None]
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        dev.append(
            "bronze.u",
            pa.table({"u": pa.array(ids, pa.uuid()), "f": pa.array([b"ab", None, b"\0\xff"], pa.binary(2))}),
        )
        assert sorted(content(lake, "bronze.u"), key=str) == sorted(
            zip(ids, [b"ab", None, b"\0\xff"], strict=True), key=str
        )
        assert lake.sql(f"SELECT f FROM bronze.u WHERE u = '{ids[0]}'", "dev").fetchall() == [(b"ab",)]
        table = lake.catalog("dev").load_table("bronze.u").scan().to_arrow()
        assert {row["u"] for row in table.to_pylist()} == set(ids)
        with pytest.raises(WriteError, match="no uuid inside another value"):
            dev.append("bronze.inside", "SELECT [uuid()] AS u, 'ab'::BLOB AS f")


def test_a_table_with_delete_files_of_others_is_read_through(lake: Lake, dev: Branch, tmp_path: Path) -> None:
    """Rows that another engine deleted by a position delete file do not come back by a merge, delete or replace."""
    dev.append("bronze.a", rows((1, "x", 1), (2, "gone", 1), (3, "z", 1)))
    add_position_delete(lake, "gone")
    assert content(lake) == [(1, "x", 1), (3, "z", 1)]
    dev.merge("bronze.a", rows((3, "merged", 2)))
    assert content(lake) == [(1, "x", 1), (3, "merged", 2)]
    add_position_delete(lake, "x")
    dev.delete("bronze.a", "k = 77")
    dev.delete("bronze.a", "v = 'merged'")
    assert content(lake) == []


def add_position_delete(lake: Lake, value: str) -> None:
    """Do as Trino's DELETE does: a file of (path, position), committed in a delete manifest."""
    delete_positions(lake.catalog("dev").load_table("bronze.a"), "v", value)


@pytest.mark.parametrize("name", ["lagoa_0.a", "lagoa_1.select", "default.all", "select.from"])
def test_layers_and_tables_of_any_name(folder: LakeFolder, name: str) -> None:
    folder.contract(name, "id:long* rowid:long filename:string seen:long", orderBy="seen")
    quoted = ".".join(f'"{part}"' for part in name.split("."))
    with folder.open() as lake:
        work = lake.create_branch("work")
        for rowid, seen in ((7, 1), (8, 0)):  # the second is older
            values = {"id": [1, 2], "rowid": [rowid, None], "filename": ["f", None], "seen": [seen, seen]}
            work.merge(name, pa.table({**values, "rowid": pa.array(values["rowid"], pa.int64())}))
        work.publish()
        assert lake.sql(f"select id, rowid, filename, seen from {quoted} order by id").fetchall() == [
            (1, 7, "f", 1),
            (2, None, None, 1),
        ]


@pytest.mark.parametrize("layer", ["main", "temp", "system", "memory", "information_schema", "pg_catalog"])
def test_a_layer_named_as_a_schema_of_the_engine_is_refused(folder: LakeFolder, layer: str) -> None:
    folder.contract(f"{layer}.t", "id:long*")
    with folder.open() as lake:
        (fault,) = lake.check_contracts().faults
        assert f"has a schema '{layer}' of its own" in fault.message
        with pytest.raises(ContractError, match="of its own"):
            lake.create_branch("work").append(f"{layer}.t", pa.table({"id": [1]}))
