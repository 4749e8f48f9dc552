"""Compaction: fewer files, the same rows, and nobody who takes it for a change of rows."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from lakes import LakeFolder

from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, TableNotFound

PEOPLE, COUNTS = TableName.parse("bronze.people"), TableName.parse("gold.counts")


def rows(lake, table, ref=MAIN):
    return lake.sql(f"select * from {table} order by all", ref=ref).fetchall()


def files(lake, table, ref=MAIN):
    return lake.describe_table(table, ref).files


@contextmanager
def filled(folder):
    """Open a lake whose main has six files of people, and a model over them."""
    folder.contract("bronze.people", "id:long* name:string")
    folder.contract("gold.counts", "people:long", materialization="full")
    folder.model("gold.counts", "select count(*) as people from bronze.people")
    with folder.open() as opened:
        branch = opened.create_branch("dev")
        for number in range(6):
            branch.append("bronze.people", people(number))
        branch.transform()
        branch.publish()
        yield opened


@pytest.fixture
def lake(folder):
    with filled(folder) as opened:
        yield opened


def people(*numbers):
    return pa.table({"id": list(numbers), "name": [f"p{each}" for each in numbers]})


def test_the_rows_stay_in_one_file_and_the_publication_is_audited(lake):
    before = rows(lake, "bronze.people")
    done = lake.compact()
    assert [(each.table, each.state, each.rewritten, each.written) for each in done.tables] == [
        (PEOPLE, "compacted", 6, 1)
    ]
    assert (files(lake, "bronze.people"), rows(lake, "bronze.people")) == (1, before)
    assert lake.publications(1)[0].commit == done.publication.commit
    assert done.publication.receipt
    assert lake.describe_table("bronze.people").snapshots[0].operation == "replace"
    assert {each.name for each in lake.branches()} == {"dev", "main"}
    assert lake.compact().tables == ()


def test_a_table_that_main_has_not_is_named(lake):
    with pytest.raises(TableNotFound, match=r"bronze\.people"):
        lake.compact(["bronze.peple"])


def test_models_are_as_fresh_as_before(lake):
    lake.compact()
    assert lake.stale_models() == ([], 1)
    branch = lake.create_branch("next")
    assert [each.skipped for each in branch.transform()] == [True]
    branch.append("bronze.people", people(9))
    assert [each.skipped for each in branch.transform()] == [False]
    branch.publish()
    assert rows(lake, "gold.counts") == [(7,)]


def test_rows_that_another_program_adds_after_it_make_models_stale(lake):
    lake.compact()
    branch = lake.create_branch("next")
    branch.catalog().load_table("bronze.people").append(
        people(9).cast(pa.schema([("id", pa.int64(), False), ("name", pa.string())]))
    )
    assert lake.stale_models("next") == ([COUNTS], 1)


class Once:
    """Calls a function at a fault point, the first time that it is reached."""

    def __init__(self, at, call):
        self._at, self._call = at, call

    def __call__(self, step):
        if step == self._at:
            faults.set_hook(None)
            self._call()


@pytest.fixture
def at():
    """Return a function that has a call made at a fault point."""
    yield lambda step, call: faults.set_hook(Once(step, call))
    faults.set_hook(None)


def load(lake, *numbers, table="bronze.people"):
    branch = lake.create_branch(f"load-{numbers[0]}")
    branch.append(table, people(*numbers))
    branch.publish()


@pytest.mark.parametrize("step", ["compact.written", "publish.begun", "publish.committed"])
def test_a_load_in_between_goes_first_and_its_rows_stay_beside_the_rewritten_ones(lake, at, step):
    at(step, lambda: load(lake, 9))
    done = lake.compact()
    assert [each.state for each in done.tables] == ["compacted"]
    assert rows(lake, "bronze.people") == [(each, f"p{each}") for each in (0, 1, 2, 3, 4, 5, 9)]
    assert files(lake, "bronze.people") == 2
    assert {each.name for each in lake.branches()} == {"main", "dev", "load-9"}


def test_a_table_whose_old_files_are_gone_meanwhile_is_left_alone(lake, at):
    def delete():
        branch = lake.create_branch("delete")
        branch.delete("bronze.people", "id = 3")
        branch.publish()

    at("publish.begun", delete)
    done = lake.compact()
    assert ([each.state for each in done.tables], done.publication) == (["overtaken"], None)
    assert [each for each, _ in rows(lake, "bronze.people")] == [0, 1, 2, 4, 5]
    assert lake.compact().publication is not None


def test_loads_again_and_again_are_never_refused(lake, monkeypatch):
    numbers = iter(range(10, 100))

    def hook(step):
        if step == "publish.committed":
            faults.set_hook(None)
            load(lake, next(numbers))
            faults.set_hook(hook)

    faults.set_hook(hook)
    try:
        done = lake.compact()
    finally:
        faults.set_hook(None)
    assert [each.state for each in done.tables] == ["overtaken"]
    assert len(rows(lake, "bronze.people")) == 6 + lake.settings.publish_tries


@pytest.mark.parametrize("write", ["append", "merge", "delete", "replace"])
def test_a_branch_from_before_is_published_as_if_main_had_not_changed_the_table(lake, write):
    branch, rebased = lake.create_branch("one"), lake.create_branch("two")
    for each in (branch, rebased):
        if write == "delete":
            each.delete("bronze.people", "id = 3")
        else:
            getattr(each, write)("bronze.people", people(3 if write == "merge" else 8))
    after = rows(lake, "bronze.people", "one")
    lake.compact()
    assert [each.how for each in rebased.rebase(dry_run=True).tables] == ["kept"]
    branch.publish(rebase=False)
    assert rows(lake, "bronze.people") == after


@pytest.mark.parametrize("write", ["append", "merge", "delete"])
def test_a_branch_from_before_is_rebased_on_a_load_after_the_compaction(lake, write):
    branch = lake.create_branch("one")
    if write == "delete":
        branch.delete("bronze.people", "id = 3")
    else:
        getattr(branch, write)("bronze.people", people(8))
    lake.compact()
    load(lake, 9)
    branch.publish()
    expected = [0, 1, 2, 4, 5, 9] if write == "delete" else [0, 1, 2, 3, 4, 5, 8, 9]
    assert [each for each, _ in rows(lake, "bronze.people")] == expected
    assert files(lake, "bronze.people") == (2 if write == "delete" else 3)


def test_a_publication_before_it_and_the_compaction_itself_can_be_undone(lake):
    load(lake, 9)
    lake.compact()
    load(lake, 10)
    lake.revert("main~2")
    assert [each for each, _ in rows(lake, "bronze.people")] == [0, 1, 2, 3, 4, 5, 10]
    lake.compact()
    lake.revert("main")
    assert [each for each, _ in rows(lake, "bronze.people")] == [0, 1, 2, 3, 4, 5, 10]
    assert files(lake, "bronze.people") == 7


def test_a_rollback_past_it_makes_no_model_stale(lake):
    lake.compact()
    lake.rollback("main~1")
    assert (files(lake, "bronze.people"), lake.stale_models()) == (6, ([], 1))


def test_blame_and_diff_see_no_change_of_rows(lake):
    before = lake.blame("bronze.people", {"id": 3})
    lake.compact()
    after = lake.blame("bronze.people", {"id": 3})
    assert [(each.commit, each.kind, each.how) for each in after.writes] == [
        (each.commit, each.kind, each.how) for each in before.writes
    ]
    (table,) = lake.diff("main~1", "main").tables
    assert (table.columns, table.rows_added, table.rows_removed, table.rows_changed) == ((), 0, 0, 0)


def test_a_models_table_that_others_wrote_to_is_stale_still(lake):
    for number in range(10, 14):
        branch = lake.create_branch(f"write-{number}")
        branch.append("gold.counts", pa.table({"people": [number]}))
        branch.publish()
    assert lake.stale_models() == ([COUNTS], 1)
    lake.compact(["gold.counts"])
    assert lake.stale_models() == ([COUNTS], 1)


def test_a_failed_check_leaves_main_and_the_branch(folder, lake):
    before = rows(lake, "bronze.people")
    folder.contract(
        "bronze.people", {"id": {"physicalType": "long*", "logicalTypeOptions": {"minimum": 1}}, "name": "string"}
    )
    with folder.open() as again:
        with pytest.raises(AuditFailed):
            again.compact()
        assert (files(again, "bronze.people"), rows(again, "bronze.people")) == (6, before)
        assert [each.name for each in again.branches() if each.name.startswith("run/maintain/")]


def test_incremental_models_build_only_what_is_new_after_it(tmp_path):
    folder = LakeFolder(tmp_path)
    daily = {"by": "time", "column": "day", "grain": "day", "inputs": {"bronze.sales": "day"}}
    folder.contract("bronze.sales", "day:date n:long", source={"format": "csv"})
    folder.contract("gold.daily", "day:date n:long", materialization="incremental", incremental=daily)
    folder.model("gold.daily", "select day, cast(sum(n) as bigint) as n from bronze.sales group by 1")
    by_batch = {"by": "batch", "input": "bronze.sales"}
    folder.contract("gold.doubled", "day:date n:long", materialization="incremental", incremental=by_batch)
    folder.model("gold.doubled", "select day, n * 2 as n from bronze.sales")

    def sales(day):
        return pa.table({"day": [date(2026, 11, day)], "n": [day]})

    with folder.open() as lake:
        branch = lake.create_branch("dev")
        for day in range(1, 7):
            branch.append("bronze.sales", sales(day), batch=f"b{day}")
            branch.transform()
        branch.publish()
        old = lake.catalog().load_table("bronze.sales").scan().plan_files()
        assert [each.state for each in lake.compact().tables] == ["compacted"] * 3
        assert lake.stale_models() == ([], 2)
        after = lake.create_branch("after")
        after.append("bronze.sales", sales(9), batch="b9")
        built = {str(each.table): each for each in after.transform(["gold.doubled"])}
        for task in old:  # they are not read to find what is new
            Path(task.file.file_path).unlink()
        built |= {str(each.table): each for each in after.transform(["gold.daily"])}
        assert {name: (each.how, each.increments, each.rows, each.reason) for name, each in built.items()} == {
            "gold.daily": ("incremental", ("2026-11-09",), 1, ""),
            "gold.doubled": ("incremental", ("b9",), 1, ""),
        }
        after.publish()
        assert [n for _, n in rows(lake, "gold.doubled")] == [2, 4, 6, 8, 10, 12, 18]
