"""Rolling main back, and forward again."""

from __future__ import annotations

import pytest

import lagoa
from lagoa.domain import faults
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    BatchHeld,
    NothingToPublish,
    PublishConflict,
    PublishContended,
    RefNotFound,
)
from lagoa.publish import ROLLBACK
from lagoa.settings import load_settings
from lagoa.write.holds import held_batches

PEOPLE = TableName.parse("bronze.people")


def head(lake, ref: str = MAIN) -> str:
    return lake.context.catalog.ref(ref).commit


def people(lake, ref: str = MAIN) -> list[int]:
    return [row[0] for row in lake.sql("select id from bronze.people order by id", ref=ref).fetchall()]


def publish(lake, small, *ids: int, branch: str) -> str:
    work = lake.create_branch(branch)
    work.append("bronze.people", small.people(*ids), batch=f"batch-{branch}")
    return work.publish().commit


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake with two publications of people: 1, then 2."""
    with shared.open() as lake:
        publish(lake, shared, 1, branch="one")
        publish(lake, shared, 2, branch="two")
    return shared


@pytest.fixture
def twice(begun, small):
    """A lake with two publications of people: 1, then 2."""
    small.take(begun)
    with small.open() as lake:
        yield lake


def test_the_old_pointers_come_back_in_a_publication(twice):
    old, undone = twice.tables("main~1"), head(twice)
    publication = twice.rollback("main~1")
    commit = twice.resolve(MAIN)
    assert twice.tables() == old
    assert people(twice) == [1]
    assert commit.parents == (undone,)
    assert (publication.commit, publication.previous, publication.tables) == (commit.id, undone, ("bronze.people",))
    assert commit.properties[ROLLBACK] == twice.resolve("main~2").id
    assert [each.commit for each in twice.publications()][:2] == [commit.id, undone]
    assert twice.context.receipts.of_commit(commit.id).report.passed


def test_the_batches_that_go_out_of_sight_are_listed(twice):
    publication = twice.rollback("main~1")
    assert (publication.unseen, publication.held) == (("bronze.people: batch-two",), False)
    assert twice.publications()[0].unseen == publication.unseen


def test_a_batch_that_is_not_held_may_be_loaded_again(twice, small):
    twice.rollback("main~1")
    again = twice.create_branch("again")
    assert not again.append("bronze.people", small.people(2), batch="batch-two").skipped
    again.publish()
    assert people(twice) == [1, 2]


@pytest.mark.parametrize("how", ["hash", "short hash", "ref@hash", "tag", "time"])
def test_every_way_to_name_a_state(twice, how):
    first = twice.resolve("main~1").id
    twice.create_tag("good", f"main@{first}")
    moment = twice.publications()[1].published_at
    names = {
        "hash": first,
        "short hash": first[:10],
        "ref@hash": f"main@{first}",
        "tag": "good",
        "time": f"main*{moment.isoformat()}",
    }
    twice.rollback(names[how])
    assert people(twice) == [1]


def test_back_to_before_the_first_table(twice):
    publication = twice.rollback("main~2")
    assert twice.tables() == {}
    assert publication.unseen == ("bronze.people: batch-one", "bronze.people: batch-two")


def test_a_rollback_can_be_undone(twice):
    undone = head(twice)
    twice.rollback("main~1")
    publication = twice.rollback(undone)
    assert people(twice) == [1, 2]
    assert publication.unseen == ()


def test_going_where_main_is_changes_nothing(twice):
    before = head(twice)
    with pytest.raises(NothingToPublish):
        twice.rollback(MAIN)
    assert head(twice) == before


@pytest.mark.parametrize("to", ["main~9", "nosuch", "ab" * 32, "abcdef0123"])
def test_a_state_that_is_not_there_is_named(twice, to):
    with pytest.raises(RefNotFound):
        twice.rollback(to)


def test_a_state_that_was_never_main_is_refused(twice, small):
    branch = twice.create_branch("dev")
    branch.append("bronze.people", small.people(3), batch="p3")
    with pytest.raises(RefNotFound, match="never"):
        twice.rollback("dev")


def test_a_state_with_a_receipt_needs_no_gate(twice, small):
    # The contract has become stricter since: the old state would not pass it.
    small.contract("bronze.people", "id:long!")
    with small.open() as lake:
        publication = lake.rollback("main~1")
        assert people(lake) == [1]
    assert publication.report.gating is False
    assert not publication.report.passed


def test_a_state_without_a_receipt_is_audited(lake, small):
    branch = lake.create_branch("dev")
    branch.append("bronze.people", small.people(1, 1), batch="bad")
    bad = head(lake, "dev")
    branch.replace("bronze.people", small.people(1))
    branch.publish()
    before = head(lake)
    with pytest.raises(AuditFailed, match="key/id") as caught:
        lake.rollback(bad)
    assert caught.value.report.gating
    assert head(lake) == before


def test_a_failed_audit_is_no_receipt(twice, small):
    branch = twice.create_branch("dev")
    branch.append("bronze.people", small.people(1), batch="bad")
    with pytest.raises(AuditFailed) as caught:
        branch.publish()
    with pytest.raises(RefNotFound):
        twice.rollback(caught.value.report.commit)


def test_a_held_batch_is_refused_and_mended_content_is_not(twice, small):
    publication = twice.rollback("main~1", hold=True)
    assert publication.held
    assert twice.tables() == twice.tables(f"main@{twice.resolve('main~2').id}")
    again = twice.create_branch("again")
    with pytest.raises(BatchHeld, match="batch-two") as caught:
        again.append("bronze.people", small.people(2), batch="batch-two")
    assert (caught.value.table, caught.value.batch) == (PEOPLE, "batch-two")
    with pytest.raises(BatchHeld, match="batch-two"):
        again.append("bronze.people", small.people(2), batch="under another id")
    again.append("bronze.people", small.people(3), batch="batch-two")
    again.publish()
    assert people(twice) == [1, 3]


IDS = ("batch-two", "under another id")


def test_a_held_batch_does_not_come_in_by_an_older_branch(twice, small):
    branches = {each: twice.create_branch(f"older-{number}", at="main~1") for number, each in enumerate(IDS)}
    for batch, branch in branches.items():
        branch.append("bronze.people", small.people(2), batch=batch)
    late = twice.create_branch("late", at="main~1")
    twice.rollback("main~1", hold=True)
    for batch, branch in branches.items():
        with pytest.raises(BatchHeld, match="batch-two"):
            branch.publish()
        with pytest.raises(BatchHeld, match="batch-two"):
            late.append("bronze.people", small.people(2), batch=batch)
    assert people(twice) == [1]


def test_a_hold_outlives_the_table(twice, small):
    twice.rollback("main~2", hold=True)
    again = twice.create_branch("again")
    with pytest.raises(BatchHeld):
        again.append("bronze.people", small.people(1), batch="batch-one")


def test_rolling_forward_lifts_the_hold(twice):
    undone = head(twice)
    catalog = twice.context.catalog
    properties = twice.catalog().load_table("bronze.people").properties
    fingerprint = twice.context.batches.of(properties).get("batch-two").fingerprint
    twice.rollback("main~1", hold=True)
    assert held_batches(catalog, head(twice), PEOPLE) == {"batch-two": fingerprint}
    twice.rollback(undone)
    assert held_batches(catalog, head(twice), PEOPLE) == {}


def test_a_branch_from_the_undone_range_is_refused_and_told_how_to_be_restored(twice, small):
    branch = twice.create_branch("dev")
    branch.append("bronze.people", small.people(3), batch="p3")
    undone = head(twice)
    twice.rollback("main~1")
    with pytest.raises(PublishConflict, match="rolled back") as caught:
        branch.publish()
    assert caught.value.tables == (PEOPLE,)
    assert f"lagoa rollback main@{undone[:12]}`" in caught.value.advice
    twice.rollback(f"main@{undone[:12]}")
    branch.publish()
    assert people(twice) == [1, 2, 3]


def test_a_published_branch_that_was_undone_is_refused_too(twice, small):
    twice.rollback("main~1")
    with pytest.raises(PublishConflict, match="rolled back"):
        twice.branch("two").publish()
    twice.branch("two").append("bronze.people", small.people(3), batch="p3")
    with pytest.raises(PublishConflict, match="rolled back"):
        twice.branch("two").publish()


def test_a_branch_from_before_the_undone_range_is_published(twice, small):
    twice.create_branch("dev", at="main~1")
    twice.rollback("main~1")
    branch = twice.branch("dev")
    branch.append("bronze.people", small.people(3), batch="p3")
    branch.publish()
    assert people(twice) == [1, 3]


def test_a_branch_made_after_the_rollback_is_published(twice, small):
    twice.rollback("main~1")
    publish(twice, small, 4, branch="after")
    assert people(twice) == [1, 4]


@pytest.mark.parametrize("moment", ["publish.begun", "publish.receipt"])
def test_main_moving_meanwhile_stops_the_rollback(twice, small, moment):
    other = twice.create_branch("other")
    other.append("bronze.pets", small.pets(1), batch="q1")
    hasty = load_settings(small.root).model_copy(update={"publish_wait_s": 0})  # takes no turn

    def move_main(step: str) -> None:
        if step == moment:
            faults.set_hook(None)
            with lagoa.open_lake(hasty) as lake:
                lake.branch("other").publish()

    faults.set_hook(move_main)
    try:
        with pytest.raises(PublishContended):
            twice.rollback("main~1")
    finally:
        faults.set_hook(None)
    assert people(twice) == [1, 2]
    assert not [ref for ref in twice.refs() if ref.name.startswith(CANDIDATE_PREFIX)]
