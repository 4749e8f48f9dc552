"""Rebase: two branches changed one table, both publish, and main is as if one had gone after the other."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyiceberg.expressions import EqualTo
from small_lake import PEOPLE as COLUMNS

from lagoa.catalog.draft import DraftCatalog
from lagoa.domain import faults
from lagoa.domain.commits import INTENTS, Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    BatchChanged,
    BatchHeld,
    CommitLost,
    InvalidName,
    NothingToPublish,
    PublishConflict,
    RebaseConflict,
)
from lagoa.publish.replay import REBASED

PEOPLE, PETS, COUNTS = (TableName.parse(name) for name in ("bronze.people", "bronze.pets", "gold.counts"))


def rows(lake, table: str, ref: str = MAIN, columns: str = "id") -> list:
    return lake.sql(f"select {columns} from {table} order by all", ref=ref).fetchall()


def head(lake, ref: str = MAIN) -> str:
    return lake.context.catalog.ref(ref).commit


def how(result) -> dict[str, str]:
    return {str(each.table): each.how for each in result.tables}


def begin(lake, small) -> None:
    """Give main people, pets and counts."""
    branch = lake.create_branch("first")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    branch.append("bronze.pets", small.pets(1, 2), batch="q1")
    branch.transform()
    branch.publish()


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake whose main has people, pets and counts."""
    with shared.open() as lake:
        begin(lake, shared)
    return shared


@pytest.fixture
def published(begun, small):
    """A lake whose main has people, pets and counts."""
    small.take(begun)
    with small.open() as lake:
        yield lake


@pytest.fixture
def two(published):
    """Two branches of the same main."""
    return published.create_branch("one"), published.create_branch("two")


def test_appends_of_both_are_there_and_no_data_is_copied(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3), batch="p2")
    other.append("bronze.people", small.people(4), batch="p3")
    other.append("bronze.people", small.people(5))
    mine = {task.file.file_path for task in other.catalog().load_table("bronze.people").scan().plan_files()}
    one.publish()
    publication = other.publish()
    assert publication.report.passed
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,), (5,)]
    after = {task.file.file_path for task in published.catalog(MAIN).load_table("bronze.people").scan().plan_files()}
    assert mine < after
    assert len(after) == len(mine) + 1
    batches = published.context.batches.of(published.context.metadata.facts(published.tables(MAIN)[PEOPLE]).properties)
    assert set(batches.all()) == {"p1", "p2", "p3"}


def test_the_branch_has_one_commit_more_with_main_behind_it(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3), batch="p2")
    one.publish()
    other.append("bronze.pets", small.pets(3), batch="q2")
    before = head(published, "two")
    result = other.rebase()
    commit = published.resolve("two")
    assert (commit.id, result.onto) == (result.commit, head(published))
    assert commit.parents == (before, head(published))
    assert commit.properties[REBASED] == head(published)
    assert how(result) == {"bronze.pets": "kept"}
    assert rows(published, "bronze.people", "two") == [(1,), (2,), (3,)]
    assert [each["table"] for each in json.loads(commit.properties[INTENTS])] == ["bronze.pets"]
    assert other.rebase().commit is None
    assert other.publish().tables == ("bronze.pets",)


def test_a_branch_is_rebased_and_published_again_and_again(published, two, small):
    one, other = two
    for number in range(3, 9):
        one.append("bronze.people", small.people(number), batch=f"one {number}")
        other.append("bronze.people", small.people(100 + number), batch=f"other {number}")
        one.publish()
        if number % 2:
            other.publish()
    other.publish()
    expected = [1, 2, *range(3, 9), *range(103, 109)]
    assert rows(published, "bronze.people") == [(number,) for number in expected]


def test_a_branch_of_a_branch_that_was_rebased(published, two, small):
    one, other = two
    other.append("bronze.people", small.people(4), batch="p4")
    published.create_branch("third", at="two")
    third = published.branch("third")
    third.append("bronze.people", small.people(5), batch="p5")
    one.append("bronze.people", small.people(3), batch="p3")
    one.publish()
    other.publish()
    third.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_batch_that_main_has_is_left_out(published, two, small):
    one, other = two
    for branch in two:
        branch.append("bronze.people", small.people(3), batch="p2")
    other.append("bronze.people", small.people(4), batch="p3")
    one.publish()
    result = other.rebase()
    assert [each.dropped for each in result.tables] == [("p2",)]
    other.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,)]


def test_a_branch_of_which_main_has_all_is_nothing_to_publish(published, two, small):
    for branch in two:
        branch.append("bronze.people", small.people(3), batch="p2")
    two[0].publish()
    with pytest.raises(NothingToPublish):
        two[1].publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]


def test_a_batch_with_other_content_is_refused(published, two, small):
    two[0].append("bronze.people", small.people(3), batch="p2")
    two[1].append("bronze.people", small.people(4), batch="p2")
    two[0].publish()
    before = head(published, "two")
    with pytest.raises(BatchChanged):
        two[1].publish()
    assert head(published, "two") == before


def test_a_batch_that_main_holds_is_refused(published, two, small):
    two[1].append("bronze.people", small.people(3), batch="p2")
    two[0].append("bronze.people", small.people(3), batch="p2")
    two[0].publish()
    published.rollback("main~1", hold=True)
    third = published.create_branch("third")
    third.append("bronze.people", small.people(9), batch="p9")
    third.publish()
    with pytest.raises((BatchHeld, PublishConflict)):
        two[1].publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (9,)]


def test_merges_are_done_again_on_the_rows_of_main(published, two, small):
    one, other = two
    one.merge("bronze.people", small.people(2, 3, name="one"))
    other.merge("bronze.people", small.people(1, 3, name="two"), batch="m1")
    one.publish()
    assert how(other.rebase()) == {"bronze.people": "replayed"}
    other.publish()
    assert rows(published, "bronze.people", columns="id, name") == [(1, "two"), (2, "one"), (3, "two")]
    with published.run("again") as run:
        assert run.merge("bronze.people", small.people(1, 3, name="two"), batch="m1").skipped


def test_a_merge_keeps_the_key_and_the_order_that_it_was_given(published, two, small):
    one, other = two
    one.merge("bronze.people", small.people(1, name="newer", age=50), order_by="age")
    other.merge("bronze.people", small.people(1, name="older", age=40), order_by="age")
    one.publish()
    with pytest.raises(NothingToPublish):
        other.publish()
    assert rows(published, "bronze.people", columns="id, name") == [(1, "newer"), (2, "ana")]


def test_deletes_are_done_again(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3, 4, age=90), batch="p2")
    other.delete("bronze.people", "age > 80 OR id = 2")
    one.publish()
    other.publish()
    assert rows(published, "bronze.people") == [(1,)]


@pytest.mark.parametrize("beside", [True, False])
def test_what_a_rebase_finds_nothing_to_do_for_is_done_by_the_next_one(published, two, small, beside):
    one, other = two
    other.delete("bronze.people", "id = 2")
    other.merge("bronze.people", small.people(1, age=50))
    if beside:
        other.append("bronze.pets", small.pets(3), batch="q2")
    one.delete("bronze.people", "id = 2")
    one.merge("bronze.people", small.people(1, age=50))
    one.publish()
    other.rebase()
    assert rows(published, "bronze.people", other.name) == rows(published, "bronze.people") == [(1,)]
    third = published.create_branch("third")
    third.append("bronze.people", small.people(2), batch="p2")
    third.merge("bronze.people", small.people(1, age=60))
    third.append("bronze.pets", small.pets(4), batch="q3")
    third.publish()
    assert how(other.rebase(dry_run=True))["bronze.people"] == "replayed"
    other.publish()
    assert rows(published, "bronze.people", columns="id, age") == [(1, 50)]
    with pytest.raises(NothingToPublish):
        other.publish()


def test_a_delete_that_reads_what_the_branch_changed_is_refused(published, two, small):
    one, other = two
    other.append("bronze.pets", small.pets(3, owner=2), batch="q2")
    other.delete("bronze.people", "id in (select owner from bronze.pets where id = 3)")
    one.append("bronze.people", small.people(3), batch="p2")
    one.publish()
    with pytest.raises(RebaseConflict, match=r"by a condition over bronze\.pets"):
        other.publish()


def test_models_run_again_on_what_both_loaded(published, two, small):
    one, other = two
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append("bronze.pets", small.pets(number), batch=f"q{number}")
        branch.transform()
    one.publish()
    assert how(other.rebase()) == {"bronze.pets": "replayed", "gold.counts": "built"}
    other.publish()
    assert published.sql("select pets from gold.counts").fetchall() == [(4,)]
    assert published.stale_models()[0] == []


def test_a_model_of_the_branch_runs_again_on_new_inputs_of_main(published, two, small):
    one, other = two
    small.model("gold.counts", "SELECT kind, 2 * count(*) AS pets FROM bronze.pets GROUP BY kind\n")
    published.context.refresh()
    other.transform()
    one.append("bronze.pets", small.pets(3), batch="q3")
    one.publish()
    other.publish()
    assert published.sql("select pets from gold.counts").fetchall() == [(6,)]


@pytest.mark.parametrize("what", ["replaced", "restored", "dropped"])
def test_of_a_table_that_one_side_replaced_only_one_state_can_stay(published, two, small, what):
    one, other = two
    if what == "replaced":
        other.replace("bronze.people", small.people(1, name="new"))
    elif what == "restored":
        other.append("bronze.people", small.people(8))
        other.restore(["bronze.people"], "main")
        other.append("bronze.people", small.people(9))
    else:
        other.drop("bronze.people")
    one.append("bronze.people", small.people(3), batch="p2")
    one.publish()
    before = head(published), head(published, "two")
    with pytest.raises(RebaseConflict, match=f"the branch {what} it .* of ana") as caught:
        other.publish()
    assert (caught.value.tables, (head(published), head(published, "two"))) == ((PEOPLE,), before)
    assert "lagoa rebase two --ours bronze.people" in caught.value.advice


def test_whose_state_stays_can_be_said(published, two, small):
    one, other = two
    other.replace("bronze.people", small.people(1, name="new"))
    other.append("bronze.pets", small.pets(5), batch="q5")
    one.append("bronze.people", small.people(3), batch="p2")
    one.publish()
    published.create_branch("third", at="two")
    third = published.branch("third")
    assert how(third.rebase(theirs=["bronze.people"])) == {"bronze.people": "theirs", "bronze.pets": "kept"}
    assert rows(published, "bronze.people", "third") == [(1,), (2,), (3,)]
    other.rebase(ours=["bronze.people"])
    other.publish()
    assert rows(published, "bronze.people", columns="id, name") == [(1, "new")]
    assert rows(published, "bronze.pets") == [(1,), (2,), (5,)]


def test_ours_of_a_table_that_main_dropped_brings_it_back(published, two, small):
    one, other = two
    other.append("bronze.pets", small.pets(5), batch="q5")
    one.drop("bronze.pets")
    one.publish()
    with pytest.raises(RebaseConflict, match="main dropped it"):
        other.publish()
    other.rebase(ours=["bronze.pets"])
    other.publish()
    assert rows(published, "bronze.pets") == [(1,), (2,), (5,)]


@pytest.mark.parametrize(
    ("table", "said"),
    [("bronze.pets", "is not such a table"), ("gold.counts", "without a model"), ("x", "layer.table")],
)
def test_only_tables_that_both_changed_are_chosen(published, two, small, table, said):
    one, other = two
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append("bronze.people", small.people(number))
    other.append("bronze.pets", small.pets(9))
    other.transform()
    one.publish()
    with pytest.raises(InvalidName, match=said):
        other.rebase(ours=[table])


def test_appends_of_other_programs_count_as_appends(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3))
    table = other.catalog().load_table("bronze.people")
    table.append(small.people(4).cast(table.schema().as_arrow()))
    other.append("bronze.people", small.people(5))
    one.publish()
    other.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,), (5,)]


def test_rewrites_of_other_programs_are_refused(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3))
    other.catalog().load_table("bronze.people").delete(EqualTo("id", 1))
    one.publish()
    with pytest.raises(RebaseConflict, match=r"the branch replaced it"):
        other.publish()


def test_a_delete_between_appends_of_other_programs_is_refused_though_no_file_tells_of_it(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3))
    table = other.catalog().load_table("bronze.people")
    for number in (4, 5, 6):
        table.append(small.people(number).cast(table.schema().as_arrow()))
        if number == 4:
            table.delete(EqualTo("id", 4))
    one.publish()
    with pytest.raises(RebaseConflict, match=r"the branch replaced it"):
        other.publish()


def test_columns_that_one_side_added(published, two, small):
    one, other = two
    other.append("bronze.people", small.people(4))
    small.contract("bronze.people", {**COLUMNS, "city": {"physicalType": "string"}})
    published.context.refresh()
    one.append("bronze.people", small.people(3).append_column("city", pa.array(["Rio"])))
    one.publish()
    other.publish()
    assert rows(published, "bronze.people", columns="id, city") == [(1, None), (2, None), (3, "Rio"), (4, None)]


def test_columns_that_collide_are_refused(published, two, small):
    one, other = two
    small.contract("bronze.people", {**COLUMNS, "city": {"physicalType": "string"}})
    published.context.refresh()
    other.append("bronze.people", small.people(4).append_column("city", pa.array(["Rio"])))
    small.contract("bronze.people", {**COLUMNS, "zip": {"physicalType": "string"}})
    published.context.refresh()
    one.append("bronze.people", small.people(3).append_column("zip", pa.array(["20000"])))
    one.publish()
    before = head(published, "two")
    with pytest.raises(RebaseConflict, match=r"bronze\.people: .*column 'zip' is another one than 'city'"):
        other.publish()
    assert head(published, "two") == before


def test_what_a_check_refuses_of_both_together_is_not_published(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3))
    other.append("bronze.people", small.people(3))
    one.publish()
    before = head(published)
    with pytest.raises(AuditFailed):
        other.publish()
    assert head(published) == before


def test_both_create_the_same_table(lake, small):
    branches = [lake.create_branch(name) for name in ("one", "two")]
    for branch, number in zip(branches, (1, 2), strict=True):
        branch.append("bronze.people", small.people(number), batch=f"p{number}")
    for branch in branches:
        branch.publish()
    assert rows(lake, "bronze.people") == [(1,), (2,)]


def test_a_table_that_came_and_went_on_the_branch(published, two, small):
    one, other = two
    small.contract("bronze.passing", {"id": {"physicalType": "long*"}})
    published.context.refresh()
    other.append("bronze.passing", pa.table({"id": [1]}))
    other.drop("bronze.passing")
    other.append("bronze.people", small.people(4))
    one.append("bronze.people", small.people(3))
    one.publish()
    assert how(other.rebase()) == {"bronze.people": "replayed"}
    other.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,)]


def test_a_dry_run_does_nothing(published, two, small):
    one, other = two
    one.append("bronze.people", small.people(3))
    other.append("bronze.people", small.people(4))
    other.append("bronze.people", small.people(5))
    one.publish()
    before = head(published, "two")
    result = other.rebase(dry_run=True)
    assert (result.commit, how(result), result.tables[0].writes) == (None, {"bronze.people": "replayed"}, 2)
    assert head(published, "two") == before


def test_a_publication_without_rebase_is_refused_as_it_is(published, two, small):
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append("bronze.people", small.people(number))
    two[0].publish()
    before = head(published, "two")
    with pytest.raises(PublishConflict, match=r"both changed bronze\.people"):
        two[1].publish(rebase=False)
    assert head(published, "two") == before


@pytest.mark.parametrize("step", faults.OF_REBASE)
def test_a_rebase_that_dies_leaves_the_branch_or_is_done(published, two, small, step):
    one, other = two
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append("bronze.pets", small.pets(number), batch=f"q{number}")
        branch.transform()
    one.publish()

    def die(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    before = head(published, "two")
    faults.set_hook(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            other.rebase()
    finally:
        faults.set_hook(None)
    assert (head(published, "two") == before) is (step != "rebase.committed")
    assert [ref.name for ref in published.refs()] == ["first", "main", "one", "two"]
    other.publish()
    assert rows(published, "bronze.pets") == [(1,), (2,), (3,), (4,)]
    assert published.sql("select pets from gold.counts").fetchall() == [(4,)]


def test_a_branch_that_moves_meanwhile_is_not_overwritten(published, two, small):
    one, other = two
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append("bronze.people", small.people(number))
    one.publish()

    def write(name: str) -> None:
        if name == "rebase.written":
            faults.set_hook(None)
            published.branch("two").append("bronze.people", small.people(5))

    faults.set_hook(write)
    try:
        with pytest.raises(CommitLost):
            other.rebase()
    finally:
        faults.set_hook(None)
    other.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,), (5,)]


def test_rows_that_are_not_kept_any_more_cannot_be_merged_again(published, two, small):
    one, other = two
    other.merge("bronze.people", small.people(1, name="two"))
    for file in (small.root / ".lagoa/warehouse/_lagoa/incoming").rglob("*.parquet"):
        file.unlink()
    one.append("bronze.people", small.people(3))
    one.publish()
    with pytest.raises(RebaseConflict, match="incoming_days"):
        other.publish()


def test_a_draft_is_a_catalog(published):
    catalog = DraftCatalog(published.context.catalog, "first", head(published))
    made = catalog.commit("first", head(published), Change({COUNTS: None}, "away", author="ana"))
    assert COUNTS not in catalog.tables(made.id)
    assert [each.id for each in catalog.log(made.id)][:2] == [made.id, head(published)]
    assert catalog.is_ancestor(head(published), made.id)
    assert catalog.merge_base(made.id, head(published)) == head(published)
    assert COUNTS in published.tables("first")
    with pytest.raises(CommitLost):
        catalog.commit("first", head(published), Change())
