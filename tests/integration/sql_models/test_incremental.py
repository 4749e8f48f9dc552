"""Incremental models: whatever happens to their inputs, they hold what the whole SELECT makes of the whole inputs."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from checkout import ROOT
from effort import many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from pyiceberg.types import LongType

from flows.sources.olist import generate
from lagoa.domain import faults
from lagoa.domain.tables import TableName
from lagoa.errors import CommitLost, InvalidName, ModelError, PublishConflict
from lagoa.sql_models.run import transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.branch import Branch
    from lagoa.sql_models.run import ModelResult

SALES = "id:long ts:timestamp n:long seen:long"
DAILY = {"by": "time", "column": "day", "grain": "day", "inputs": {"bronze.sales": "ts"}}
BY_BATCH = {"by": "batch", "input": "bronze.sales"}
FROM_FILES: dict[str, Any] = {"source": {"format": "csv"}, "partition": ["month(ts)"]}
MODELS: dict[str, tuple[str, dict[str, Any], str]] = {
    "gold.daily": (
        "day:date sales:long n:long shop:string",
        {"partition": ["month(day)"], "incremental": DAILY},
        """select cast(ts as date) as day, count(*) as sales, cast(sum(n) as bigint) as n, max(shop) as shop
        from bronze.sales left join bronze.shops on shops.id = sales.n group by 1""",
    ),
    "gold.doubled": (
        "id:long n:long shop:string",
        {"incremental": BY_BATCH},
        "select sales.id, n * 2 as n, shop from bronze.sales left join bronze.shops on shops.id = sales.n where n > 1",
    ),
    "gold.latest": (
        "id:long* n:long seen:long",
        {"orderBy": "seen", "incremental": BY_BATCH},
        """select id, n, seen from bronze.sales
        qualify row_number() over (partition by id order by seen desc, _row desc, _batch_id) = 1""",
    ),
}


def lake_folder(root: Path) -> LakeFolder:
    folder = LakeFolder(root, workers=1)
    folder.contract("bronze.sales", SALES, **FROM_FILES)
    folder.contract("bronze.shops", "id:long shop:string")
    for table, (columns, custom, sql) in MODELS.items():
        folder.contract(table, columns, materialization="incremental", **custom)
        folder.model(table, sql)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> LakeFolder:
    return lake_folder(tmp_path)


@pytest.fixture
def branch(folder: LakeFolder) -> Iterator[Branch]:
    with opened(folder) as branch:
        yield branch


@contextmanager
def opened(folder: LakeFolder) -> Iterator[Branch]:
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.shops", pa.table({"id": [1, 2], "shop": ["a", "b"]}))
        yield branch


Row = tuple[int, str | None, int | None, int | None]


def sales(rows: list[Row]) -> pa.Table:
    moments = [None if row[1] is None else datetime.fromisoformat(row[1]) for row in rows]
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.int64()),
            "ts": pa.array(moments, pa.timestamp("us")),
            "n": pa.array([row[2] for row in rows], pa.int64()),
            "seen": pa.array([row[3] for row in rows], pa.int64()),
        }
    )


def load(branch: Branch, batch: str, *rows: Row) -> None:
    branch.append("bronze.sales", sales(list(rows)), batch=batch)


def build(branch: Branch) -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Run the models; return how each was built, and hold every table to its whole SELECT."""
    results = branch.transform()
    check(branch)
    return {str(each.table): (each.how, each.increments, each.reason) for each in results}


def check(branch: Branch) -> None:
    for table, (columns, _, sql) in MODELS.items():
        names = ", ".join(column.rstrip("!").split(":")[0] for column in columns.split())
        held = branch.sql(f"select {names} from {table}").fetchall()
        wanted = branch.sql(f"select {names} from ({sql})").fetchall()
        assert sorted(map(repr, held)) == sorted(map(repr, wanted)), table


def files(branch: Branch, table: str) -> set[str]:
    return {task.file.file_path for task in branch.catalog().load_table(table).scan().plan_files()}


FIRST = ((1, "2026-01-05T10:00", 1, 1), (2, "2026-01-06T10:00", 2, 1), (3, "2026-02-01T10:00", 3, 1))


def test_only_what_came_is_built(branch: Branch) -> None:
    load(branch, "b1", *FIRST, (4, None, 9, 1))
    whole = ("full", (), "there is no table yet")
    assert build(branch) == dict.fromkeys(MODELS, whole)
    before = files(branch, "gold.daily")
    load(branch, "b2", (5, "2026-01-05T23:59:59", 4, 1), (6, "2026-03-01T00:00", 5, 1), (1, None, 8, 2))
    days = ("2026-01-05", "2026-03-01", "null")
    batches = ("incremental", ("b2",), "")
    assert build(branch) == {"gold.daily": ("incremental", days, ""), "gold.doubled": batches, "gold.latest": batches}
    gone = before - files(branch, "gold.daily")
    assert len(gone) == 2  # January's, for a day of it changed, and that of rows without a day; February's stays
    assert {each for each, (how, _, _) in build(branch).items() if how} == set()


def test_late_corrected_and_removed_rows_touch_their_days_alone(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    branch.delete("bronze.sales", "id = 2")
    assert build(branch)["gold.daily"] == ("incremental", ("2026-01-06",), "")
    branch.merge("bronze.sales", sales([(1, "2026-02-03T10:00", 7, 2)]), key=["id"], batch="b2")
    built = build(branch)
    assert built["gold.daily"] == ("incremental", ("2026-01-05", "2026-02-03"), "")
    assert built["gold.latest"][0] == "full"
    assert built["gold.doubled"][2] == "bronze.sales has changed in batches that it already had: b1"


def test_the_same_rows_in_other_files_touch_nothing(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    load(branch, "b2", (7, "2026-01-05T11:00", 1, 1))
    build(branch)
    before = [files(branch, table) for table in MODELS]
    branch.replace("bronze.sales", "select * from bronze.sales order by id desc")
    assert set(build(branch).values()) == {("incremental", (), "")}
    assert [files(branch, table) for table in MODELS] == before
    assert {each for each, (how, _, _) in build(branch).items() if how} == set()


def test_what_no_increment_tells_builds_whole_and_says_why(folder: LakeFolder, branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    branch.append("bronze.shops", pa.table({"id": [3], "shop": ["c"]}))
    built = build(branch)
    why = "bronze.shops has changed, which does not come in increments"
    assert built["gold.daily"] == built["gold.doubled"] == ("full", (), why)
    branch.replace("bronze.shops", "select * from bronze.shops")
    assert build(branch)["gold.daily"] == ("incremental", (), "")
    branch.append("gold.daily", pa.table({"day": [None], "sales": [5], "n": [5], "shop": ["x"]}))
    assert build(branch)["gold.daily"][2] == "somebody else has written to the table"
    branch.catalog().drop_table("gold.daily")
    assert build(branch)["gold.daily"][2] == "there is no table yet"


def test_other_sql_or_other_columns_that_are_read_build_whole(folder: LakeFolder, branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    sql = MODELS["gold.doubled"][2]
    folder.model("gold.doubled", f"-- a note\n{sql}")
    load(branch, "b2", (8, "2026-01-05T11:00", 1, 1))
    assert build(branch)["gold.doubled"] == ("incremental", ("b2",), "")
    folder.model("gold.doubled", sql.replace("n > 1", "n > 0"))
    folder.contract("bronze.sales", f"{SALES} more:long", **FROM_FILES)
    load(branch, "b3", (9, "2026-01-05T11:00", 1, 1))
    results = {str(each.table): each for each in anew(branch)}
    assert results["gold.doubled"].reason == "its SQL or contract has changed"
    more = sales([(10, "2026-01-05T11:00", 1, 1)]).append_column("more", pa.array([1]))
    with folder.open() as lake:
        lake.branch("dev").append("bronze.sales", more, batch="b4")
        results = {str(each.table): each for each in lake.branch("dev").transform()}
    assert {each.how for each in results.values()} == {"incremental"}  # no model reads the new column
    branch.catalog().drop_table("bronze.sales")
    folder.contract("bronze.sales", SALES.replace("n:long", "n:int"), source={"format": "csv"})
    with folder.open() as lake:
        load(lake.branch("dev"), "b1", *FIRST)
        results = {str(each.table): each for each in lake.branch("dev").transform()}
    assert {each.reason for each in results.values()} == {"bronze.sales: its columns have changed"}


def anew(branch: Branch) -> list[ModelResult]:
    """Run the models with contracts and models read anew."""
    context = replace(branch._context, open_engine=lambda: branch._context.engine)
    return transform(context, branch.name)


def test_a_tie_that_the_merge_cannot_decide_builds_whole(branch: Branch) -> None:
    load(branch, "b1", (1, None, 1, 5), (2, None, 2, 5))
    build(branch)
    load(branch, "b2", (9, None, 1, 1), (1, None, 7, 5))
    assert build(branch)["gold.latest"][2] == "rows of the same key have the same seen in a new batch and before"
    assert (1, 7, 5) in branch.sql("select id, n, seen from gold.latest").fetchall()  # its _row is greater
    load(branch, "b3", (1, None, 7, 5))
    assert build(branch)["gold.latest"] == ("incremental", ("b3",), "")


def test_a_column_of_the_same_name_is_not_the_same_column(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    with branch.catalog().load_table("bronze.sales").update_schema() as change:
        change.rename_column("n", "was_n")
    with branch.catalog().load_table("bronze.sales").update_schema() as change:
        change.add_column("n", LongType())
    assert set(build(branch).values()) == {("full", (), "bronze.sales: its columns have changed")}
    with branch.catalog().load_table("bronze.sales").update_schema() as change:
        change.rename_column("ts", "moment")
    with pytest.raises(ModelError, match=r"daily\.sql:1: gold\.daily failed"):
        branch.transform()


def test_an_earlier_state_that_is_gone_builds_whole(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    old = files(branch, "bronze.sales")
    branch.replace("bronze.sales", "select * from bronze.sales where id < 3")
    for file in old:
        Path(file.removeprefix("file://")).unlink()
    assert set(build(branch).values()) == {("full", (), "bronze.sales: its earlier state can no longer be read")}


def test_an_increment_is_put_on_no_other_table_than_it_was_made_for(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    pointers = branch._context.catalog.tables(branch.head)
    with pytest.raises(CommitLost, match=re.escape("gold.daily")), branch.write() as tx:
        tx.expect(TableName.parse("gold.daily"), pointers[TableName.parse("gold.latest")])


def test_an_increment_is_published_and_stale_inputs_stop_it(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    branch.publish()
    load(branch, "b2", (5, "2026-01-05T23:59:59", 4, 1))
    build(branch)
    branch.append("bronze.shops", pa.table({"id": [9], "shop": ["z"]}))
    with pytest.raises(PublishConflict, match=r"the one that built gold\.daily, gold\.doubled"):
        branch.publish()
    assert build(branch)["gold.daily"][0] == "full"
    assert "gold.daily" in branch.publish().tables


def test_the_commit_says_what_a_build_meant(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    build(branch)
    load(branch, "b2", (5, "2026-01-05T23:59:59", 4, 1))
    result = next(each for each in branch.transform() if str(each.table) == "gold.daily")
    commit = branch._context.catalog.get(result.commit or "")
    (intent,) = json.loads(commit.properties["lagoa.intents"])
    assert (intent["kind"], len(intent["files"])) == ("model", 1)
    assert intent["predicate"] == "(\"day\" >= DATE '2026-01-05' AND \"day\" < DATE '2026-01-06')"
    properties = branch.catalog().load_table("gold.daily").properties
    tables = branch._context.catalog.tables(branch.head)
    inputs = {name: tables[TableName.parse(name)] for name in ("bronze.sales", "bronze.shops")}
    assert json.loads(properties["lagoa.inputs"]) == inputs
    assert intent["fingerprint"] == properties["lagoa.fingerprint"]


MOMENTS = st.sampled_from(
    [None, "2025-12-31T23:59:59", "2026-01-01T00:00", "2026-01-01T12:00", "2026-01-02T00:00", "2026-02-10T10:00"]
)
NUMBERS = st.none() | st.integers(0, 3)
ROWS = st.lists(st.tuples(st.integers(1, 5), MOMENTS, NUMBERS, NUMBERS), min_size=1, max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("load"), st.integers(0, 5), ROWS),
    st.tuples(st.just("load"), st.integers(6, 11), ROWS),
    st.tuples(st.just("delete"), st.integers(1, 5), st.none()),
    st.tuples(st.just("correct"), st.integers(0, 99), ROWS),
    st.tuples(st.just("rewrite"), st.just(0), st.none()),
    st.tuples(st.just("shops"), st.integers(1, 3), st.none()),
    st.tuples(st.just("undo"), st.integers(0, 3), st.none()),
    st.tuples(st.just("interrupt"), st.integers(0, 5), st.none()),
    st.tuples(st.just("build"), st.just(0), st.none()),
)


class InterruptedBuildError(Exception):
    """The process dies here."""


def take(branch: Branch, states: list[str], step: tuple[str, int, Any]) -> None:
    """Do to the branch what a step says."""
    what, number, rows = step
    if what == "load":
        branch.append("bronze.sales", sales(rows), batch=f"b{number}-{hash(repr(rows))}")
    elif what == "correct":
        branch.merge("bronze.sales", sales(rows), key=["id"], order_by="seen", batch=f"c{number}-{hash(repr(rows))}")
    elif what == "delete":
        branch.delete("bronze.sales", f"id = {number}")
    elif what == "rewrite":
        branch.replace("bronze.sales", "select * from bronze.sales order by seen, id")
    elif what == "shops":
        branch.replace("bronze.shops", pa.table({"id": [1, number], "shop": ["a", "c"]}))
    elif what == "undo":
        branch.restore(["bronze.sales"], f"dev@{states[number % len(states)]}")
    elif what == "interrupt":
        interrupted(branch, number)
    else:
        build(branch)
    states.append(branch.head)


def interrupted(branch: Branch, after: int) -> None:
    """Run the models until the process dies at its n-th fault point."""
    passed: list[str] = []

    def die(name: str) -> None:
        passed.append(name)
        if len(passed) > after:
            raise InterruptedBuildError(name)

    faults.set_hook(die)
    try:
        branch.transform()
    except InterruptedBuildError:
        pass
    finally:
        faults.set_hook(None)


@pytest.mark.slow
@settings(max_examples=many(4), deadline=None, suppress_health_check=list(HealthCheck))
@given(first=ROWS, steps=st.lists(STEPS, min_size=2, max_size=7))
def test_any_history_gives_what_a_whole_build_gives(
    tmp_path_factory: pytest.TempPathFactory, first: list[Row], steps: list[tuple[str, int, Any]]
) -> None:
    with opened(lake_folder(tmp_path_factory.mktemp("lake"))) as branch:
        states: list[str] = []
        take(branch, states, ("load", 0, first))
        build(branch)
        for step in steps:
            take(branch, states, step)
        build(branch)


def damage(branch: Branch, table: str, predicate: str) -> None:
    """Remove rows of a model's table so that it does not show: the table says still that it is up to date."""
    stored = branch.catalog().load_table(table)
    kept = ("lagoa.inputs", "lagoa.fingerprint")
    properties = {name: stored.properties[name] for name in kept}
    branch.delete(table, predicate)
    stored = branch.catalog().load_table(table)
    with stored.transaction() as change:
        built = {"lagoa.built-on": stored.metadata_location}
        built["lagoa.built-snapshot"] = str(stored.metadata.current_snapshot_id or "")
        change.set_properties({**properties, **built})


def told(results: list[ModelResult]) -> dict[str, tuple[str, tuple[str, ...], str]]:
    return {str(each.table): (each.how, each.increments, each.reason) for each in results if not each.skipped}


def test_backfill_builds_the_intervals_asked_for_and_what_changed(branch: Branch) -> None:
    load(branch, "b1", *FIRST, (4, None, 9, 1))
    build(branch)
    damage(branch, "gold.daily", "day < DATE '2026-02-01'")
    assert told(branch.transform()) == {}  # nothing shows
    load(branch, "b2", (5, "2026-02-01T23:00", 4, 1))
    days = ("2026-01-05", "2026-02-01")
    result = branch.backfill("gold.daily", start="2025-01-01", end="2026-01-06")
    assert told(result) == {"gold.daily": ("incremental", days, "")}
    assert told(branch.backfill("gold.daily", start="2026-01-06")) == {
        "gold.daily": ("incremental", ("2026-01-06", "2026-02-01"), "")
    }
    branch.transform()
    check(branch)
    rows = branch.sql("select * from gold.daily order by all").fetchall()
    assert told(branch.backfill("gold.daily", end="2020-01-01")) == {"gold.daily": ("incremental", (), "")}
    assert told(branch.backfill("gold.daily")) == {"gold.daily": ("full", (), "it was requested")}
    assert branch.sql("select * from gold.daily order by all").fetchall() == rows


def test_backfill_builds_the_batches_asked_for(folder: LakeFolder) -> None:
    folder.contract("gold.kept", "id:long _batch_id:string", materialization="incremental", incremental=BY_BATCH)
    folder.model("gold.kept", "select id, _batch_id from bronze.sales")
    with opened(folder) as branch:
        load(branch, "b1", (1, None, 1, 1), (2, None, 2, 1))
        load(branch, "b2", (2, None, 3, 2), (3, None, 1, 1))
        build(branch)
        damage(branch, "gold.kept", "id <> 3")
        damage(branch, "gold.latest", "id = 2")
        assert told(branch.backfill("gold.kept", batches=["b1"])) == {"gold.kept": ("incremental", ("b1",), "")}
        held = branch.sql("select * from gold.kept order by all").fetchall()
        assert held == [(1, "b1"), (2, "b1"), (3, "b2")]  # b2's row that is lost was not asked for
        branch.backfill("gold.kept", batches=["b1", "b2"])
        assert branch.sql("select count(*) from gold.kept").fetchall() == [(4,)]
        assert told(branch.backfill("gold.latest", batches=["b2"])) == {"gold.latest": ("incremental", ("b2",), "")}
        check(branch)
        with pytest.raises(ModelError, match="has no rows of batch b9"):
            branch.backfill("gold.kept", batches=["b9"])


def test_what_cannot_be_backfilled_is_refused_before_anything_runs(branch: Branch) -> None:
    load(branch, "b1", *FIRST)
    head = branch.head
    refused: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("gold.daily", {"start": "2026-02-30"}, InvalidName, "'2026-02-30' is not the start of a day"),
        ("gold.daily", {"start": "2026-01-05T10:00"}, InvalidName, "the start of a day"),
        ("gold.daily", {"start": "2026-01-06", "end": "2026-01-06"}, ModelError, "contains no day"),
        ("gold.daily", {"start": "2026-01-07", "end": "2026-01-06"}, ModelError, "contains no day"),
        ("gold.daily", {"batches": ["b1"]}, ModelError, "is not built by batch"),
        ("gold.doubled", {"batches": ["b1"]}, ModelError, "are unknown"),
        ("gold.doubled", {"start": "2026-01-05"}, ModelError, "is not built by time"),
        ("gold", {}, InvalidName, "'gold' is a layer"),
        ("bronze.sales", {}, InvalidName, "a table or layer that has models"),
    ]
    for model, asked, error, message in refused:
        with pytest.raises(error, match=message):
            branch.backfill(model, **asked)
    assert branch.head == head


@pytest.mark.slow
def test_a_second_delivery_to_the_reference_lake_is_an_increment(tmp_path: Path) -> None:
    for name in ("iceberg", "transformations", "soda"):
        shutil.copytree(ROOT / name, tmp_path / name)
    folder = LakeFolder(tmp_path, threads=2)
    generate(tmp_path / "data", 0.005)
    models = ["silver.orders", "silver.order_items", "silver.payments", "silver.reviews", "gold.kpi_sales_monthly"]
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        branch.ingest_folder(tmp_path / "data")
        branch.transform(models)
        for table in ("orders", "order_items", "order_payments", "order_reviews"):
            file = tmp_path / "data" / f"olist_{table}_dataset.csv"
            again = tmp_path / "again" / file.name
            again.parent.mkdir(exist_ok=True)
            text = file.read_text("utf-8").replace("canceled", "delivered")
            again.write_text(text[: text.index("\n", len(text) // 9)] + "\n", "utf-8")
            branch.ingest(again, f"bronze.{table}")
        built = {str(each.table): each for each in branch.transform(models)}
        assert {name: built[name].how for name in models} == dict.fromkeys(models, "incremental")
        for name in models:
            sql = (ROOT / "transformations" / f"{name.replace('.', '/')}.sql").read_text("utf-8")
            columns = branch.sql(f"select * from {name} limit 0").columns
            assert branch.sql(f"select {', '.join(columns)} from ({sql}) except all from {name}").fetchall() == []
            assert branch.sql(f"from {name} except all select {', '.join(columns)} from ({sql})").fetchall() == []
