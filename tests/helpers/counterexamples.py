"""The counterexamples of the models in docs/model/, on a real lake: with its guard in place, none does harm.

A test's name begins with the guard whose absence breaks a property by these steps. Others act at a fault point of the
publisher. `lake` is `small`, opened, with nothing in it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING

import pytest
from aged import later, with_retention

from lagoa.domain import faults
from lagoa.domain.commits import Change
from lagoa.domain.owners import own_name, release_name
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    BatchHeld,
    CommitLost,
    NothingToPublish,
    PublishConflict,
    PublishContended,
    RefNotFound,
    StateExpired,
)
from lagoa.publish.moves import was_published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from small_lake import SmallLake

    from lagoa.branch import Branch
    from lagoa.lake import Lake
    from lagoa.maintain.collection import Collection

PEOPLE, PETS, COUNTS = (TableName.parse(name) for name in ("bronze.people", "bronze.pets", "gold.counts"))


class Gone(BaseException):
    """The process ends here."""


@contextmanager
def at_step(step: str, act: Callable[[], object]) -> Iterator[None]:
    """Let others act once when this process comes to a fault point; fails if it does not come there."""
    left = [act]
    faults.set_hook(lambda name: left.pop()() if name == step and left else None)
    try:
        yield
    finally:
        faults.set_hook(None)
    assert not left, f"nothing came to {step}"


@contextmanager
def ended_at(step: str) -> Iterator[None]:
    """Let this process end at a fault point; what it would tidy up on its way out, it does (`test_kill.py` kills)."""

    def end() -> None:
        raise Gone

    with pytest.raises(Gone), at_step(step, end):
        yield


def ids(lake: Lake, table: TableName, ref: str = MAIN) -> list[int]:
    """Return the ids of a table's rows."""
    return [row[0] for row in lake.sql(f"select id from {table} order by id", ref).fetchall()]


def head(lake: Lake, ref: str = MAIN) -> str:
    """Return the commit of a branch."""
    return lake.context.catalog.ref(ref).commit


def candidates(lake: Lake) -> list[str]:
    """Return the candidates that are there."""
    return [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)]


def drop_pets(lake: Lake, branch: str) -> str:
    """Commit to a branch, as any program may, that the table of pets is gone."""
    return lake.context.catalog.commit(branch, head(lake, branch), Change({PETS: None}, "foreign")).id


def published(lake: Lake, small: SmallLake) -> str:
    """Publish two persons, and a pet of the first; return main's commit."""
    branch = lake.create_branch("first")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    branch.append("bronze.pets", small.pets(1), batch="q1")
    return branch.publish().commit


def loaded(lake: Lake, small: SmallLake, *, people: int = 0, pets: int = 0, to: str = "dev") -> Branch:
    """Return a new branch with a person or a pet more."""
    branch = lake.create_branch(to)
    if people:
        branch.append("bronze.people", small.people(people), batch=f"p{people}")
    if pets:
        branch.append("bronze.pets", small.pets(pets), batch=f"q{pets}")
    return branch


def overtake(lake: Lake, branch: Branch) -> None:
    """Publish a branch without waiting for a turn: turns are fair, and what holds must hold without them."""
    lake.context.publisher.publish(branch.name, "", in_turn=True)


def is_told(lake: Lake) -> None:
    """Assert that publications, receipts and moves of main are just its history, one on top of the other."""
    catalog = lake.context.catalog
    line = [commit.id for commit in catalog.log(head(lake))][:-1]
    assert [each.commit for each in lake.publications()] == line
    assert [commit for _, commit in catalog.moves(MAIN)] == line[::-1]
    assert all(each.receipt and each.report.commit == each.commit for each in lake.publications())
    assert all(was_published(catalog, commit) for commit in line)


def begun(lake: Lake, small: SmallLake) -> str:
    """Publish as `published` does, and leave no branch; return main's commit."""
    commit = published(lake, small)
    lake.delete_ref("first")
    return commit


def replaced(lake: Lake, small: SmallLake, *people: int) -> str:
    """Publish other persons instead of those that there are, without pets; return main's commit."""
    branch = lake.create_branch(f"replacing-{'-'.join(map(str, people))}")
    branch.replace("bronze.people", small.people(*people))
    branch.replace("bronze.pets", small.pets(1, owner=people[0]))
    commit = branch.publish().commit
    lake.delete_ref(branch.name)
    return commit


def cleaned(lake: Lake) -> Collection:
    """Let states expire, and collect."""
    lake.expire(dry_run=False)
    return lake.collect(dry_run=False)


class Publishing:
    """Those of publish.pml."""

    def test_batch_check_a_load_that_ended_after_its_commit_is_done_again(self, lake, small):
        published(lake, small)
        branch = lake.create_branch("dev")
        with ended_at("write.committed"):
            branch.append("bronze.people", small.people(3), batch="p3")
        assert branch.append("bronze.people", small.people(3), batch="p3").skipped
        branch.publish()
        assert ids(lake, PEOPLE) == [1, 2, 3]

    def test_key_check_two_write_to_one_table_of_a_branch(self, lake, small):
        published(lake, small)
        branch, colleague = lake.create_branch("dev"), lake.branch("dev")
        with (
            at_step("write.metadata", lambda: colleague.append("bronze.people", small.people(4), batch="p4")),
            pytest.raises(CommitLost) as caught,
        ):
            branch.append("bronze.people", small.people(3), batch="p3")
        assert caught.value.tables == (PEOPLE,)
        with at_step("write.metadata", lambda: colleague.append("bronze.pets", small.pets(4), batch="q4")):
            branch.append("bronze.people", small.people(3), batch="p3")
        branch.publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3, 4], [1, 4])

    def test_sweep_the_next_publication_removes_what_a_crash_left(self, lake, small):
        main = published(lake, small)
        left = own_name()
        lake.context.catalog.create_branch(f"{CANDIDATE_PREFIX}{left}", main)
        release_name(left)
        loaded(lake, small, people=3).publish()
        assert candidates(lake) == []

    @pytest.mark.parametrize("step", ["publish.begun", "publish.candidate"])
    def test_fixed_head_what_comes_to_the_branch_meanwhile_is_published_next(self, lake, small, step):
        published(lake, small)
        branch, colleague = loaded(lake, small, people=3), lake.branch("dev")
        taken = head(lake, "dev")
        with at_step(step, lambda: colleague.append("bronze.pets", small.pets(4), batch="q4")):
            branch.publish()
        assert lake.resolve(MAIN).parents[1] == taken
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1])
        branch.publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1, 4])

    def test_conflict_check_two_change_one_table(self, lake, small):
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), lake.create_branch("two")
        two.replace("bronze.people", small.people(1, 4))
        with at_step("publish.receipt", lambda: overtake(lake, one)), pytest.raises(PublishConflict):
            two.publish()
        assert ids(lake, PEOPLE) == [1, 2, 3]
        is_told(lake)

    def test_skew_check_an_input_changes_while_its_model_is_published(self, lake, small):
        published(lake, small)
        builder, loader = lake.create_branch("builder"), loaded(lake, small, pets=3, to="loader")
        builder.transform()
        with at_step("publish.receipt", lambda: overtake(lake, loader)), suppress(PublishConflict):
            builder.publish()
        assert ids(lake, PETS) == [1, 3]
        if COUNTS in lake.tables():
            assert lake.sql("select pets from gold.counts").fetchall() == [(2,)]

    def test_skew_check_a_model_is_older_than_its_input_on_the_branch(self, lake, small):
        main = published(lake, small)
        branch = lake.create_branch("dev")
        branch.transform()
        branch.append("bronze.pets", small.pets(3), batch="q3")
        with pytest.raises(PublishConflict, match="transform"):
            branch.publish()
        assert head(lake) == main

    def test_news_check_a_publication_that_ended_after_the_swap_is_called_again(self, lake, small):
        published(lake, small)
        branch = loaded(lake, small, people=3)
        with ended_at("publish.swapped"):
            branch.publish()
        main = head(lake)
        with pytest.raises(NothingToPublish):
            branch.publish()
        assert head(lake) == main
        assert ids(lake, PEOPLE) == [1, 2, 3]
        is_told(lake)

    def test_exact_audit_two_branches_pass_alone_and_not_together(self, lake, small):
        published(lake, small)
        one, two = lake.create_branch("one"), lake.create_branch("two")
        one.delete("bronze.people", "id = 2")
        two.append("bronze.pets", small.pets(3, owner=2), batch="q3")
        assert one.audit().passed
        assert two.audit().passed
        with (
            at_step("publish.receipt", lambda: overtake(lake, one)),
            pytest.raises(AuditFailed, match="foreign_key/owner"),
        ):
            two.publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1], [1])
        is_told(lake)

    def test_gate_what_fails_its_audit_is_never_main(self, lake, small):
        main = published(lake, small)
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(3, age=-1), batch="p3")
        with pytest.raises(AuditFailed):
            branch.publish()
        assert head(lake) == main
        is_told(lake)

    def test_receipt_before_swap_a_publication_that_ended_at_the_swap_has_its_receipt(self, lake, small):
        published(lake, small)
        with ended_at("publish.swapped"):
            loaded(lake, small, people=3).publish()
        assert lake.context.receipts.of_commit(head(lake)).report.passed
        is_told(lake)

    def test_receipt_condition_a_receipt_of_a_lost_race_counts_for_nothing(self, lake, small):
        published(lake, small)
        branch, other = loaded(lake, small, people=3), loaded(lake, small, pets=3, to="other")
        lost = []

        def win() -> None:
            lost.append(head(lake, candidates(lake)[0]))
            overtake(lake, other)

        with at_step("publish.receipt", win):
            branch.publish()
        assert lake.context.receipts.of_commit(lost[0]).report.passed
        assert not was_published(lake.context.catalog, lost[0])
        is_told(lake)

    def test_first_parent_check_somebody_commits_to_the_candidate_first(self, lake, small):
        main = published(lake, small)
        branch = loaded(lake, small, people=3)
        with at_step("publish.candidate", lambda: drop_pets(lake, candidates(lake)[0])):
            branch.publish()
        assert lake.resolve(MAIN).parents[0] == main
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1])
        is_told(lake)

    @pytest.mark.parametrize("step", ["publish.committed", "publish.audited", "publish.receipt"])
    @pytest.mark.parametrize("how", ["on top", "anew"])
    def test_fixed_commit_somebody_moves_the_candidate(self, lake, small, step, how):
        published(lake, small)
        branch, catalog = loaded(lake, small, people=3), lake.context.catalog

        def move() -> None:
            (name,) = candidates(lake)
            if how == "anew":
                catalog.delete_ref(name, head(lake, name))
                catalog.create_branch(name, head(lake))
            drop_pets(lake, name)

        with at_step(step, move):
            publication = branch.publish()
        assert publication.report.commit == publication.commit == head(lake)
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1])
        is_told(lake)

    def test_cas_two_publish_at_once(self, lake, small):
        published(lake, small)
        branch, other = loaded(lake, small, people=3), loaded(lake, small, pets=3, to="other")
        with at_step("publish.receipt", lambda: overtake(lake, other)):
            branch.publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1, 3])
        is_told(lake)

    def test_journal_before_swap_a_publication_that_ended_at_the_swap_is_in_the_journal(self, lake, small):
        published(lake, small)
        with ended_at("publish.swapped"):
            loaded(lake, small, people=3).publish()
        moment, commit = lake.context.catalog.moves(MAIN)[-1]
        assert commit == head(lake) == lake.resolve(f"main*{moment.isoformat()}").id
        is_told(lake)

    def test_journal_condition_a_move_that_did_not_happen_is_not_told(self, lake, small):
        published(lake, small)
        branch = loaded(lake, small, people=3)
        with ended_at("publish.receipt"):
            branch.publish()
        is_told(lake)
        branch.publish()
        assert ids(lake, PEOPLE) == [1, 2, 3]
        is_told(lake)


class Rebasing:
    """Those of rebase.pml."""

    def test_undone_check_a_branch_stands_on_what_was_rolled_back(self, lake, small):
        published(lake, small)
        loaded(lake, small, people=3, to="undone").publish()
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(4), batch="p4")
        other = lake.create_branch("other")
        other.append("bronze.pets", small.pets(4), batch="q4")
        undo = at_step("publish.audited", lambda: lake.rollback("main~1"))
        with undo, pytest.raises(PublishConflict, match="rolled"):
            other.publish()
        for ours in ([], ["bronze.people"]):
            with pytest.raises(PublishConflict, match="rolled back"):
                branch.rebase(ours=ours)
        with pytest.raises(PublishConflict, match="rolled back"):
            lake.branch("undone").publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2], [1])
        is_told(lake)

    def test_hold_check_a_branch_has_the_batch_that_was_rolled_back_and_held(self, lake, small):
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), lake.create_branch("two")
        two.append("bronze.people", small.people(3), batch="p3")
        one.publish()
        lake.rollback("main~1", hold=True)
        with pytest.raises(BatchHeld):
            two.publish()
        assert ids(lake, PEOPLE) == [1, 2]

    def test_drop_check_two_branches_have_the_same_batch(self, lake, small):
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), loaded(lake, small, people=3, pets=3, to="two")
        with at_step("publish.receipt", lambda: overtake(lake, one)):
            two.publish()
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1, 3])
        is_told(lake)

    @pytest.mark.parametrize("step", ["rebase.begun", "rebase.written", "rebase.replayed"])
    def test_branch_cas_somebody_commits_to_the_branch_during_a_rebase(self, lake, small, step):
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), loaded(lake, small, people=4, to="two")
        one.publish()
        colleague = lake.branch("two")
        with at_step(step, lambda: colleague.append("bronze.people", small.people(5), batch="p5")):
            two.publish()
        assert ids(lake, PEOPLE) == [1, 2, 3, 4, 5]
        is_told(lake)

    @pytest.mark.parametrize("step", ["rebase.replayed", "rebase.committed", "publish.receipt", "publish.swapped"])
    def test_second_parent_a_rebase_that_ended_on_its_way_is_called_again(self, lake, small, step):
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), loaded(lake, small, people=4, to="two")
        one.publish()
        main, before = head(lake), head(lake, "two")
        with ended_at(step):
            two.publish()
        with suppress(NothingToPublish):
            two.publish()
        assert lake.resolve("two").parents == (before, main)
        assert ids(lake, PEOPLE) == [1, 2, 3, 4]
        is_told(lake)

    @pytest.mark.parametrize("how", ["replace", "restore"])
    def test_refusal_what_was_replaced_or_restored_is_not_rebased(self, lake, small, how):
        published(lake, small)
        loaded(lake, small, people=3, to="three").publish()
        one, two = loaded(lake, small, people=4, to="one"), lake.create_branch("two")
        if how == "replace":
            two.replace("bronze.people", small.people(1, 5))
        else:
            two.restore(["bronze.people"], "main~1")
        with at_step("publish.receipt", lambda: overtake(lake, one)), pytest.raises(PublishConflict):
            two.publish()
        assert ids(lake, PEOPLE) == [1, 2, 3, 4]
        two.rebase(ours=["bronze.people"])
        two.publish()
        assert ids(lake, PEOPLE) == ([1, 5] if how == "replace" else [1, 2])

    def test_rebuild_a_model_is_built_again_on_what_main_has(self, lake, small):
        published(lake, small)
        one, two = loaded(lake, small, pets=3, to="one"), loaded(lake, small, pets=4, to="two")
        two.transform()
        with at_step("publish.receipt", lambda: overtake(lake, one)):
            two.publish()
        assert ids(lake, PETS) == [1, 3, 4]
        assert lake.sql("select pets from gold.counts").fetchall() == [(3,)]
        is_told(lake)

    def test_skew_check_somebody_writes_to_the_branch_after_its_model_was_built(self, lake, small):
        published(lake, small)
        one, two = loaded(lake, small, pets=3, to="one"), loaded(lake, small, pets=4, to="two")
        two.transform()
        lake.branch("two").append("bronze.pets", small.pets(5), batch="q5")
        with at_step("publish.begun", lambda: overtake(lake, one)), suppress(PublishConflict):
            two.publish()
        if COUNTS in lake.tables():
            assert lake.sql("select pets from gold.counts").fetchall() == [(len(ids(lake, PETS)),)]
        two.transform()
        with suppress(NothingToPublish):
            two.publish()
        assert ids(lake, PETS) == [1, 3, 4, 5]
        assert lake.sql("select pets from gold.counts").fetchall() == [(4,)]
        is_told(lake)

    def test_cas_somebody_publishes_during_a_rollback(self, lake, small):
        published(lake, small)
        loaded(lake, small, people=3).publish()
        other = loaded(lake, small, pets=3, to="other")
        with at_step("publish.receipt", lambda: overtake(lake, other)), pytest.raises(PublishContended):
            lake.rollback("main~1")
        assert (ids(lake, PEOPLE), ids(lake, PETS)) == ([1, 2, 3], [1, 3])
        is_told(lake)

    def test_gate_a_state_that_was_looked_at_but_never_published_is_audited(self, lake, small):
        published(lake, small)
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(3, age=-1), batch="p3")
        bad = branch.head
        assert not branch.audit().passed
        branch.replace("bronze.people", small.people(1, 2, 4))
        branch.publish()
        with pytest.raises(AuditFailed):
            lake.rollback(bad)
        assert ids(lake, PEOPLE) == [1, 2, 4]
        is_told(lake)

    def test_entry_check_a_branch_goes_on_after_a_rollback_to_where_it_began(self, lake, small):
        """It stands on nothing that was undone, so nothing speaks against it, the second time either."""
        main = published(lake, small)
        branch = lake.create_branch("dev")
        loaded(lake, small, people=3, to="undone").publish()
        lake.rollback(main)
        for number in (4, 5):
            branch.append("bronze.people", small.people(number), batch=f"p{number}")
            branch.publish()
        assert ids(lake, PEOPLE) == [1, 2, 4, 5]
        is_told(lake)


@contextmanager
def held_up(write: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Begin a write that waits before it commits its files; yield what lets it commit, and a second pass."""
    written, go = Event(), Event()

    def pause(step: str) -> None:
        if step == "write.files":
            written.set()
            assert go.wait(60)

    def commit() -> None:
        go.set()
        writing.result(60)
        time.sleep(1.5)

    with ThreadPoolExecutor(1) as pool:
        faults.set_hook(pause)
        try:
            writing = pool.submit(write)
            assert written.wait(60)
            faults.set_hook(None)
            yield commit
        finally:
            go.set()
            faults.set_hook(None)


class Collecting:
    """Those of collect.pml. `lake` keeps states of main for three days; the grace period is a day."""

    def test_branches_marked_only_a_branch_that_began_after_the_record_has_the_files(self, lake, small):
        begun(lake, small)
        lake.expire(dry_run=False)
        loaded(lake, small, people=3)
        for _ in range(2):
            lake = later(lake, 2)
            lake.collect(dry_run=False)
        assert ids(lake, PEOPLE, "dev") == [1, 2, 3]

    def test_kept_marked_main_goes_on_after_states_were_kept(self, lake, small):
        one = begun(lake, small)
        replaced(lake, small, 3)
        lake = later(lake, 2)
        lake.expire(dry_run=False)
        replaced(lake, small, 4)
        for _ in range(2):
            lake = later(lake, 2)
            lake.collect(dry_run=False)
        assert ids(lake, PEOPLE, f"main@{one}") == [1, 2]

    def test_since_marked_a_state_is_restored_while_it_expires(self, lake, small):
        one = begun(lake, small)
        replaced(lake, small, 3)
        dev = lake.create_branch("dev")
        lake = later(lake, 2)
        lake.collect(dry_run=False)
        lake = later(lake, 2)
        with at_step("write.metadata", lambda: cleaned(lake)):
            dev.restore(["bronze.people"], f"main@{one}")
        assert ids(lake, PEOPLE, "dev") == [1, 2]
        lake = later(lake, 2)
        cleaned(lake)
        assert ids(lake, PEOPLE, "dev") == [1, 2]

    def test_expiry_check_what_has_expired_is_not_named(self, lake, small):
        one = begun(lake, small)
        replaced(lake, small, 3)
        lake = later(lake, 4)
        cleaned(lake)
        lake = later(lake, 2)
        assert cleaned(lake).garbage > 0
        for call in (lambda: ids(lake, PEOPLE, f"main@{one}"), lambda: lake.create_branch("dev", f"main@{one}")):
            with pytest.raises(StateExpired):
                call()

    def test_found_before_a_collection_comes_before_a_write_commits(self, lake, small):
        begun(lake, small)
        lake = later(lake, 2)
        with at_step("write.files", lambda: cleaned(lake)):
            loaded(lake, small, people=3)
        assert ids(lake, PEOPLE, "dev") == [1, 2, 3]
        lake = later(lake, 2)
        with at_step("collect.marked", lambda: replaced(lake, small, 4)):
            assert lake.collect(dry_run=False).garbage == 0
        assert ids(lake, PEOPLE) == [4]

    def test_grace_two_collections_come_before_a_write_commits(self, lake, small):
        begun(lake, small)
        lake = later(lake, 2)
        cleaned(lake)
        with at_step("write.files", lambda: (cleaned(lake), cleaned(lake))):
            loaded(lake, small, people=3)
        assert ids(lake, PEOPLE, "dev") == [1, 2, 3]

    def test_age_first_a_write_commits_and_time_passes_between_mark_and_list(self, lake, small):
        begun(lake, small)
        lake = with_retention(later(lake, 2), grace_hours=1 / 3600)
        with held_up(lambda: loaded(lake, small, people=3)) as commit:
            assert cleaned(lake).waiting > 0
            with at_step("collect.marked", commit):
                assert lake.collect(dry_run=False).garbage == 0
        assert ids(lake, PEOPLE, "dev") == [1, 2, 3]

    def test_looked_again_a_branch_that_came_between_mark_and_list_is_deleted_while_it_is_published(self, lake, small):
        begun(lake, small)
        lake = with_retention(later(lake, 2), grace_hours=1 / 3600)
        with held_up(lambda: loaded(lake, small, people=3)) as commit:
            assert cleaned(lake).waiting > 0
            with at_step("collect.marked", commit):
                lake.collect(dry_run=False)
        time.sleep(1.5)

        def delete() -> None:
            lake.delete_ref("dev")
            assert lake.collect(dry_run=False).garbage == 0

        with at_step("publish.receipt", delete), suppress(RefNotFound):
            lake.branch("dev").publish()
        assert ids(lake, PEOPLE) in ([1, 2], [1, 2, 3])

    def test_marked_again_a_write_commits_files_that_were_found(self, lake, small):
        begun(lake, small)
        lake = later(lake, 2)
        cleaned(lake)
        with at_step("write.files", lambda: cleaned(lake)):
            loaded(lake, small, people=3)
        lake = later(lake, 2)
        assert cleaned(lake).garbage == 0
        assert ids(lake, PEOPLE, "dev") == [1, 2, 3]

    @pytest.mark.parametrize("step", ["publish.begun", "publish.candidate", "publish.receipt"])
    def test_recent_marked_a_branch_is_deleted_while_it_is_published(self, lake, small, step):
        begun(lake, small)
        lake = later(lake, 2)
        cleaned(lake)
        with at_step("write.files", lambda: cleaned(lake)):
            commit = loaded(lake, small, people=3).head
        lake = later(lake, 2)

        def delete() -> None:
            lake.delete_ref("dev")
            assert cleaned(lake).garbage == 0

        with at_step(step, delete), suppress(RefNotFound):
            lake.branch("dev").publish()
        assert ids(lake, PEOPLE) in ([1, 2], [1, 2, 3])
        lake.context.catalog.create_branch("again", commit)
        assert ids(lake, PEOPLE, "again") == [1, 2, 3]


class Anomalies:
    """What readers and writers side by side can see, and what they cannot."""

    def test_a_reader_of_main_sees_all_of_a_publication_or_nothing(self, lake, small):
        published(lake, small)
        branch, seen = loaded(lake, small, people=3, pets=3), {}
        faults.set_hook(lambda step: seen.update({step: (ids(lake, PEOPLE), ids(lake, PETS))}))
        try:
            branch.publish()
        finally:
            faults.set_hook(None)
        after = {"publish.swapped", "publish.cleaned"}
        assert {"publish.begun", "publish.receipt", *after} < seen.keys()
        assert seen == {step: ([1, 2, 3], [1, 3]) if step in after else ([1, 2], [1]) for step in seen}

    def test_an_exact_commit_is_the_same_for_ever(self, lake, small):
        main = published(lake, small)
        loaded(lake, small, people=3).publish()
        assert ids(lake, PEOPLE, f"main@{main}") == [1, 2]
        assert ids(lake, PEOPLE) == [1, 2, 3]

    def test_write_skew_under_a_rule_that_nothing_states_is_not_noticed(self, lake, small):
        """Each branch keeps the total of both tables below five, and both are published."""
        published(lake, small)
        one, two = loaded(lake, small, people=3, to="one"), loaded(lake, small, pets=3, to="two")
        for name in ("one", "two"):
            assert len(ids(lake, PEOPLE, name)) + len(ids(lake, PETS, name)) == 4
        one.publish()
        two.publish()
        assert len(ids(lake, PEOPLE)) + len(ids(lake, PETS)) == 5

    def test_write_skew_under_a_rule_that_a_check_states_is_refused(self, lake, small):
        published(lake, small)
        total = "select (select count(*) from bronze.people) + (select count(*) from bronze.pets)"
        small.checks(
            "bronze.people", f'checks: [{{metric: {{query: "{total}", threshold: {{must_be_less_than: 5}}}}}}]'
        )
        with small.open() as again:
            one, two = loaded(again, small, people=3, to="one"), loaded(again, small, pets=3, to="two")
            assert one.audit().passed
            assert two.audit().passed
            one.publish()
            with pytest.raises(AuditFailed):
                two.publish()
            assert (ids(again, PEOPLE), ids(again, PETS)) == ([1, 2, 3], [1])
