"""Models run on a branch: what runs, in which order, what comes out, and what a failure leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder

from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError, RefProtected

if TYPE_CHECKING:
    from lagoa.branch import Branch
    from lagoa.lake import Lake


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    folder.settings(threads=2)
    folder.contract("bronze.a", "k:long v:long")
    folder.contract("bronze.b", "k:long v:long")
    return folder


def model(folder: LakeFolder, table: str, sql: str) -> None:
    """Write a model, and its contract."""
    folder.contract(table, "k:long v:long", materialization="full")
    folder.model(table, sql)


def load(lake: Lake, **rows: list[tuple[int, int]]) -> None:
    branch = lake.branch("dev")
    for name, pairs in rows.items():
        branch.replace(f"bronze.{name}", pa.table({"k": [k for k, _ in pairs], "v": [v for _, v in pairs]}))


def chain(folder: LakeFolder) -> None:
    """Write a diamond: silver.a, silver.b, and gold.sum of both; gold.other of silver.b alone."""
    for table, sql in {
        "silver.a": "select k, v from bronze.a",
        "silver.b": "select k, v from bronze.b",
        "gold.sum": "select k, a.v + b.v as v from silver.a a join silver.b b using (k)",
        "gold.other": "select k, v from silver.b where v > 1",
    }.items():
        model(folder, table, sql)


def run(lake: Lake, branch: str = "dev", **options: object) -> dict[str, int | None]:
    """Run the models with contracts read anew; return the rows written of each, None where it was skipped."""
    from lagoa.sql_models.run import transform

    context = replace(lake.context, open_engine=lambda: lake.context.engine)
    results = transform(context, branch, **options)  # type: ignore[arg-type]
    assert all(result.seconds >= 0 for result in results)
    assert all((result.commit is None) is result.skipped for result in results)
    return {str(result.table): None if result.skipped else result.rows for result in results}


def rows(branch: Branch, table: str) -> list[tuple[object, ...]]:
    return sorted(branch.sql(f"select * from {table}").fetchall())


def ran(results: dict[str, int | None]) -> set[str]:
    return {table for table, count in results.items() if count is not None}


ALL = {"silver.a", "silver.b", "gold.sum", "gold.other"}


def test_builds_every_model_once(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10), (2, 20)], b=[(1, 1), (2, 2)])
    assert run(lake) == {"silver.a": 2, "silver.b": 2, "gold.sum": 2, "gold.other": 1}
    dev = lake.branch("dev")
    assert rows(dev, "gold.sum") == [(1, 11), (2, 22)]
    head = dev.head
    assert ran(run(lake)) == set()
    assert dev.head == head


def test_a_changed_input_touches_its_descendants_only(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    run(lake)
    load(lake, a=[(1, 30)])
    assert ran(run(lake)) == {"silver.a", "gold.sum"}
    assert rows(lake.branch("dev"), "gold.sum") == [(1, 31)]


def test_comments_touch_nothing_and_sql_touches_what_follows(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    run(lake)
    folder.model("silver.b", "-- a note\nselect k,\n  v /* the value */ from bronze.b;\n")
    assert ran(run(lake)) == set()
    folder.model("silver.b", "select k, v * 2 as v from bronze.b")
    assert ran(run(lake)) == {"silver.b", "gold.sum", "gold.other"}
    assert rows(lake.branch("dev"), "gold.sum") == [(1, 12)]


def test_a_changed_contract_runs_the_model(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    run(lake)
    folder.contract("gold.other", "k:long v:long", materialization="full", description="Said in other words.")
    assert ran(run(lake)) == {"gold.other"}


def test_staleness_follows_the_branch(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    lake.create_branch("raw", "dev")
    run(lake)
    lake.create_branch("copy", "dev")
    assert ran(run(lake, "copy")) == set()
    assert ran(run(lake, "raw")) == ALL


def test_a_table_that_was_dropped_or_written_by_hand_is_built_again(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    run(lake)
    lake.catalog("dev").drop_table("gold.sum")
    assert ran(run(lake)) == {"gold.sum"}
    lake.branch("dev").append("gold.other", pa.table({"k": [5], "v": [5]}))
    assert ran(run(lake)) == {"gold.other"}
    assert rows(lake.branch("dev"), "gold.other") == []


def test_selection_takes_what_is_needed(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    assert ran(run(lake, select=["gold.other"])) == {"silver.b", "gold.other"}
    assert ran(run(lake, select=["silver"])) == {"silver.a"}
    with pytest.raises(InvalidName):
        run(lake, select=["nope"])


def test_the_table_says_what_it_was_built_from(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    run(lake)
    tables = lake.tables("dev")
    properties = lake.context.metadata.facts(tables[TableName.parse("gold.sum")]).properties
    inputs = {name: tables[TableName.parse(name)] for name in ("silver.a", "silver.b")}
    assert json.loads(properties["lagoa.inputs"]) == inputs
    intents = [
        intent for commit in lake.log("dev") for intent in json.loads(commit.properties.get("lagoa.intents", "[]"))
    ]
    mine = next(intent for intent in intents if intent["table"] == "gold.sum")
    assert mine["kind"] == "model"
    assert mine["fingerprint"] == properties["lagoa.fingerprint"]


def test_merge_updates_by_key_and_keeps_the_others(folder: LakeFolder, lake: Lake) -> None:
    folder.contract("silver.a", "k:long* v:long", materialization="merge", orderBy="v")
    folder.model("silver.a", "select k, v from bronze.a")
    load(lake, a=[(1, 10), (1, 11), (2, 20)])
    assert run(lake) == {"silver.a": 2}
    assert rows(lake.branch("dev"), "silver.a") == [(1, 11), (2, 20)]
    load(lake, a=[(2, 21), (3, 30)])
    run(lake)
    assert rows(lake.branch("dev"), "silver.a") == [(1, 11), (2, 21), (3, 30)]


def test_results_come_in_order_as_they_are_done(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    done: list[str] = []
    results = run(lake, workers=4, on_done=lambda result: done.append(str(result.table)))
    assert sorted(done) == sorted(results)
    assert done.index("silver.a") < done.index("gold.sum")
    assert done.index("silver.b") < min(done.index("gold.sum"), done.index("gold.other"))


def test_the_longest_chain_goes_first(folder: LakeFolder, lake: Lake) -> None:
    model(folder, "silver.a", "select k, v from bronze.a")
    for number in range(3):
        name = f"silver.z{number}"
        model(folder, name, f"select k, v from {'bronze.a' if number == 0 else f'silver.z{number - 1}'}")
    load(lake, a=[(1, 1)])
    done: list[str] = []
    run(lake, workers=1, on_done=lambda result: done.append(str(result.table)))
    assert done[:2] == ["silver.z0", "silver.z1"]


def test_a_failure_names_the_file_and_spares_the_others(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    folder.model("silver.a", "select k,\n  cast('n/a' || v as bigint) as v\nfrom bronze.a")
    load(lake, a=[(1, 10)], b=[(1, 1)])
    with pytest.raises(ModelError, match=r"silver\.a failed: .*n/a10") as caught:
        run(lake)
    assert caught.value.file == str(folder.root / "transformations/silver/a.sql")
    tables = {str(table) for table in lake.tables("dev")}
    assert "silver.a" not in tables
    assert "gold.sum" not in tables
    folder.model("silver.a", "select k, v from bronze.a")
    assert {"silver.a", "gold.sum"} <= ran(run(lake))
    assert rows(lake.branch("dev"), "gold.sum") == [(1, 11)]


def test_a_failure_that_the_engine_places_has_its_line(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    folder.model("silver.a", "select k,\n  no_such_function(v) as v\nfrom bronze.a")
    load(lake, a=[(1, 10)], b=[(1, 1)])
    with pytest.raises(ModelError, match="no_such_function") as caught:
        run(lake)
    assert caught.value.line == 2


def test_values_that_do_not_fit_the_contract_fail(folder: LakeFolder, lake: Lake) -> None:
    folder.contract("silver.a", "k:long* v:long", materialization="full")
    folder.model("silver.a", "select nullif(k, 1) as k, v from bronze.a")
    load(lake, a=[(1, 10)])
    with pytest.raises(ModelError, match=r"silver\.a failed"):
        run(lake)
    assert TableName.parse("silver.a") not in lake.tables("dev")


def test_all_failures_are_told(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    for table in ("a", "b"):
        folder.model(f"silver.{table}", f"select k, cast('bad' || v as bigint) as v from bronze.{table}")
    load(lake, a=[(1, 10)], b=[(1, 1)])
    with pytest.raises(ModelError) as caught:
        run(lake, workers=1)
    assert not getattr(caught.value, "__notes__", [])
    told = []
    for _ in range(5):  # whether both have begun before the first has failed is a matter of time
        with pytest.raises(ModelError) as caught:
            run(lake, workers=2)
        told = getattr(caught.value, "__notes__", [])
        if told:
            break
    assert all("failed too" in note for note in told)


def test_an_input_that_is_not_on_the_branch(folder: LakeFolder, lake: Lake) -> None:
    chain(folder)
    load(lake, b=[(1, 1)])
    head = lake.branch("dev").head
    with pytest.raises(ModelError, match=r"silver\.a reads bronze\.a, which is not on 'dev'") as caught:
        run(lake)
    assert caught.value.line == 1
    assert lake.branch("dev").head == head
    assert ran(run(lake, select=["gold.other"])) == {"silver.b", "gold.other"}


def test_main_takes_no_models(folder: LakeFolder, lake: Lake) -> None:
    model(folder, "silver.one", "select 1 as k, 2 as v")
    with pytest.raises(RefProtected):
        run(lake, "main")
    assert run(lake) == {"silver.one": 1}


def test_two_models_of_one_input_at_once_see_the_same(folder: LakeFolder, lake: Lake) -> None:
    """What comes to the branch while models run is not seen by half of them."""
    from lagoa.sql_models.run import transform

    chain(folder)
    load(lake, a=[(1, 10)], b=[(1, 1)])
    folder.model("gold.sum", "select a.k, a.v + b.v as v from silver.a a join bronze.a b using (k)")

    def change(result: object) -> None:
        load(lake, a=[(1, 999)])

    with folder.open() as other:
        transform(other.context, "dev", select=["gold.sum"], workers=1, on_done=change)
    assert rows(lake.branch("dev"), "gold.sum") == [(1, 20)]
    assert ran(run(lake, select=["gold.sum"])) == {"silver.a", "gold.sum"}
    assert rows(lake.branch("dev"), "gold.sum") == [(1, 1998)]


INPUTS = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)
STEPS = st.one_of(
    st.tuples(st.just("rows"), st.integers(0, 1), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just("sql"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("comment"), st.integers(0, 3), st.just(0)),
)


class Oracle:
    """What the tables must hold, and which must be built: everything from scratch, in Python."""

    def __init__(self, reads: list[list[int]]) -> None:
        # 0 and 1 are the tables loaded; the model of number n is node n + 2 and reads nodes before it
        self.reads = [sorted({node % (number + 2) for node in nodes}) for number, nodes in enumerate(reads)]
        self.plus = [0] * len(reads)
        self.rows = [[1], [2]]
        self.stale = set(range(len(reads)))

    def touch(self, node: int) -> None:
        for number, nodes in enumerate(self.reads):
            if node in nodes and number not in self.stale:
                self.stale.add(number)
                self.touch(number + 2)

    def values(self, node: int) -> list[int]:
        if node < 2:
            return sorted(self.rows[node])
        number = node - 2
        return sorted(v + self.plus[number] for read in self.reads[number] for v in self.values(read))


def table_of(node: int) -> str:
    return ("bronze.a", "bronze.b")[node] if node < 2 else f"silver.m{node - 2}"


def sql_of(oracle: Oracle, number: int, comment: str = "") -> str:
    parts = [f"select k, v + {oracle.plus[number]} as v from {table_of(node)}" for node in oracle.reads[number]]
    return comment + "\nunion all ".join(parts)


@pytest.mark.slow
@settings(max_examples=many(4), deadline=None, suppress_health_check=list(HealthCheck))
@given(reads=st.lists(INPUTS, min_size=2, max_size=4), steps=st.lists(STEPS, min_size=1, max_size=3))
def test_any_graph_after_any_changes_is_as_if_built_from_scratch(
    tmp_path_factory: pytest.TempPathFactory, reads: list[list[int]], steps: list[tuple[str, int, object]]
) -> None:
    folder = LakeFolder(tmp_path_factory.mktemp("lake"), threads=2)
    oracle = Oracle(reads)
    for node in range(2):
        folder.contract(table_of(node), "k:long v:long")
    for number in range(len(reads)):
        model(folder, table_of(number + 2), sql_of(oracle, number))
    with folder.open() as lake:
        lake.create_branch("dev")
        load(lake, a=[(1, 1)], b=[(1, 2)])
        for what, which, value in [("none", 0, 0), *steps]:
            number = which % len(reads)
            if what == "rows":
                before, oracle.rows[which] = oracle.rows[which], list(value)  # type: ignore[call-overload]
                load(lake, **{"ab"[which]: [(1, v) for v in oracle.rows[which]]})
                if before or oracle.rows[which]:  # no rows in the place of no rows is no write
                    oracle.touch(which)
            elif what == "sql" and oracle.plus[number] != value:
                oracle.plus[number] = int(str(value))
                folder.model(table_of(number + 2), sql_of(oracle, number))
                oracle.stale.add(number)
                oracle.touch(number + 2)
            elif what == "comment":
                folder.model(table_of(number + 2), sql_of(oracle, number, f"-- {which}\n"))
            assert ran(run(lake)) == {table_of(number + 2) for number in oracle.stale}
            oracle.stale.clear()
            for node in range(2, len(reads) + 2):
                held = sorted(v for _, v in rows(lake.branch("dev"), table_of(node)))
                assert held == oracle.values(node)
