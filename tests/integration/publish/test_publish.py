"""Publishing: what moves main, what is refused, and what happens side by side."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import lagoa
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.domain import faults
from lagoa.domain.commits import INTENTS, Change
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import (
    AuditFailed,
    CatalogDamaged,
    NothingToPublish,
    PublishConflict,
    PublishContended,
    RefNotFound,
    RefProtected,
)
from lagoa.publish import BRANCH, publish
from lagoa.publish.candidate import RECEIPT, sweep
from lagoa.settings import load_settings

PEOPLE = TableName.parse("bronze.people")
PETS = TableName.parse("bronze.pets")


def head(lake, ref: str = MAIN) -> str:
    return lake.context.catalog.ref(ref).commit


def rows(lake, table: str, ref: str = MAIN) -> list:
    return lake.sql(f"select id from {table} order by id", ref=ref).fetchall()


def candidates(lake) -> list[str]:
    return [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)]


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake whose main has people and pets."""
    with shared.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", shared.people(1, 2), batch="p1")
        branch.append("bronze.pets", shared.pets(1, 2), batch="q1")
        branch.publish()
    return shared


@pytest.fixture
def published(begun, small):
    """A lake whose main has people and pets."""
    small.take(begun)
    with small.open() as lake:
        yield lake


def test_main_moves_to_the_audited_commit(lake, small):
    before = head(lake)
    branch = lake.create_branch("dev")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    publication = branch.publish("people of today")

    commit = lake.resolve(MAIN)
    assert publication.commit == commit.id == publication.report.commit
    assert commit.parents == (before, head(lake, "dev"))
    assert (publication.previous, publication.tables) == (before, ("bronze.people",))
    assert (commit.message, commit.author, commit.properties[BRANCH]) == ("people of today", "ana", "dev")
    assert [intent["kind"] for intent in json.loads(commit.properties[INTENTS])] == ["append"]
    assert publication.report.passed
    assert len(publication.report.results) >= 4
    assert rows(lake, "bronze.people") == [(1,), (2,)]
    assert candidates(lake) == []


def test_the_receipt_says_what_was_audited(published):
    commit = published.resolve(MAIN)
    receipt = published.context.receipts.of_commit(commit.id)
    assert receipt.id == commit.properties[RECEIPT]
    assert (receipt.branch, receipt.author, receipt.base) == ("first", "ana", commit.parents[0])
    assert receipt.tables == {str(table): pointer for table, pointer in published.tables().items()}
    assert receipt.contracts == {str(t): published.context.contracts[t].hash for t in (PEOPLE, PETS)}
    assert receipt.report.passed


def test_the_moment_of_the_swap_is_in_the_journal(published):
    (publication,) = published.publications()
    commit = published.resolve(MAIN)
    assert publication.published_at > commit.committed_at
    assert published.resolve(f"main*{publication.published_at.isoformat()}").id == commit.id
    just_before = publication.published_at - timedelta(microseconds=1)
    assert published.resolve(f"main*{just_before.isoformat()}").id == commit.parents[0]


def test_a_branch_goes_on_and_is_published_again(published, small):
    branch = published.branch("first")
    branch.append("bronze.people", small.people(3), batch="p2")
    branch.publish()
    branch.append("bronze.people", small.people(4), batch="p3")
    publication = branch.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,), (4,)]
    assert publication.tables == ("bronze.people",)
    assert len(published.publications()) == 3
    assert [each.commit for each in published.publications(limit=1)] == [publication.commit]


def test_a_branch_goes_on_while_others_publish(published, small):
    first, other = published.branch("first"), published.create_branch("other")
    other.append("bronze.pets", small.pets(3), batch="q2")
    other.publish()
    first.append("bronze.people", small.people(3), batch="p2")
    first.publish()
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]
    assert rows(published, "bronze.pets") == [(1,), (2,), (3,)]


def test_a_removed_table_goes(published):
    branch = published.create_branch("drop")
    branch.catalog().drop_table("bronze.pets")
    publication = branch.publish()
    assert publication.tables == ("bronze.pets",)
    assert list(published.tables()) == [PEOPLE]


def test_namespaces_are_published(published):
    branch = published.create_branch("spaces")
    branch.catalog().create_namespace("silver", {"owner": "ana"})
    branch.publish()
    assert published.context.catalog.namespaces(head(published))[("silver",)]["owner"] == "ana"


def test_a_namespace_that_main_fills_meanwhile_is_not_removed(published, small):
    branch = published.create_branch("spaces")
    branch.catalog().create_namespace("silver")
    branch.publish()
    branch.catalog().drop_namespace("silver")
    branch.append("bronze.people", small.people(3), batch="p2")
    small.contract("silver.people", "id:long")
    with small.open() as again:
        other = again.create_branch("other")
        other.append("silver.people", small.people(1).select(["id"]), batch="s1")
        other.publish()
        branch = again.branch("spaces")
        branch.publish()
        assert rows(again, "silver.people") == [(1,)]


@pytest.mark.parametrize("name", [MAIN, "v1", f"{CANDIDATE_PREFIX}x"])
def test_only_work_branches_are_published(published, name):
    published.create_tag("v1")
    published.context.catalog.create_branch(f"{CANDIDATE_PREFIX}x", head(published))
    with pytest.raises(RefProtected):
        lagoa.Branch(published.context, name).publish()


def test_a_branch_that_is_not_there_is_named(lake):
    with pytest.raises(RefNotFound):
        lagoa.Branch(lake.context, "nosuch").publish()


def test_nothing_new_is_nothing_to_publish(published):
    before = head(published)
    for name in ("first", published.create_branch("empty").name):
        with pytest.raises(NothingToPublish):
            published.branch(name).publish()
    assert head(published) == before


def test_a_failed_audit_leaves_main_and_the_branch(published, small):
    before = head(published)
    branch = published.create_branch("bad")
    branch.append("bronze.people", small.people(1), batch="p2")
    with pytest.raises(AuditFailed, match=r"bronze\.people/key/id") as caught:
        branch.publish()
    assert head(published) == before
    assert candidates(published) == []
    assert rows(published, "bronze.people", "bad") == [(1,), (1,), (2,)]
    kept = published.context.receipts.of_commit(caught.value.report.commit)
    assert kept.report == caught.value.report


def test_a_table_without_contract_is_not_published(published, small):
    branch = published.create_branch("stray")
    branch.catalog().create_table("bronze.stray", small.people(1).schema)
    with pytest.raises(AuditFailed, match=r"bronze\.stray has no contract"):
        branch.publish()


def test_a_table_changed_on_both_sides_is_a_conflict(published, small):
    one, two = published.create_branch("one"), published.create_branch("two")
    one.append("bronze.people", small.people(3), batch="p2")
    two.append("bronze.people", small.people(4), batch="p3")
    one.publish()
    before = head(published)
    with pytest.raises(PublishConflict, match=r"both changed bronze\.people") as caught:
        two.publish(rebase=False)
    assert (caught.value.tables, caught.value.ours, caught.value.theirs) == ((PEOPLE,), head(published, "two"), before)
    assert head(published) == before


def test_a_run_that_conflicts_is_to_be_rebased(published, small):
    with published.run("load") as run:
        run.append("bronze.people", small.people(3), batch="p2")
        other = published.create_branch("other")
        other.append("bronze.people", small.people(4), batch="p3")
        other.publish()
        with pytest.raises(PublishConflict) as caught:
            run.publish(rebase=False)
    assert f"`lagoa rebase {run.name}` puts the branch on main as it is now" in caught.value.advice


def test_the_same_change_on_both_sides_is_none(published, small):
    one = published.create_branch("one")
    one.append("bronze.people", small.people(3), batch="p2")
    published.create_branch("two", at="one")
    two = published.branch("two")
    two.append("bronze.pets", small.pets(3), batch="q2")
    one.publish()
    assert two.publish().tables == ("bronze.pets",)
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]


def test_write_skew_is_refused_without_a_rebase(published, small):
    builder, loader = published.create_branch("builder"), published.create_branch("loader")
    builder.transform()
    loader.append("bronze.pets", small.pets(3), batch="q2")
    loader.publish()
    before = head(published)
    with pytest.raises(PublishConflict, match=r"bronze\.pets would have a different state") as caught:
        builder.publish(rebase=False)
    assert caught.value.tables == (TableName.parse("gold.counts"),)
    assert "lagoa rebase builder" in caught.value.advice
    assert head(published) == before


def test_a_model_older_than_its_input_on_the_branch_is_refused(published, small):
    branch = published.create_branch("dev")
    branch.transform()
    branch.append("bronze.pets", small.pets(3), batch="q2")
    with pytest.raises(PublishConflict) as caught:
        branch.publish()
    assert "lagoa transform" in caught.value.advice
    branch.transform()
    branch.publish()
    assert published.sql("select pets from gold.counts").fetchall() == [(3,)]


def test_a_model_whose_inputs_nobody_touched_is_published(published, small):
    builder, loader = published.create_branch("builder"), published.create_branch("loader")
    builder.transform()
    loader.append("bronze.people", small.people(3), batch="p2")
    loader.publish()
    assert builder.publish().tables == ("gold.counts",)


def test_a_foreign_key_broken_by_both_sides_together_is_seen(published, small):
    one, two = published.create_branch("one"), published.create_branch("two")
    one.replace("bronze.people", small.people(1))
    two.append("bronze.pets", small.pets(9, owner=2), batch="q2")
    one.publish()
    with pytest.raises(AuditFailed, match="foreign_key/owner"):
        two.publish()


def test_main_moving_during_the_publication_starts_it_over(published, small):
    other, branch = published.create_branch("other"), published.create_branch("dev")
    other.append("bronze.pets", small.pets(3), batch="q2")
    branch.append("bronze.people", small.people(3), batch="p2")
    steps = []

    def move_main(step: str) -> None:
        steps.append(step)
        if steps.count("publish.audited") == 1 and step == "publish.audited":
            faults.set_hook(steps.append)
            other.publish()
            faults.set_hook(move_main)

    faults.set_hook(move_main)
    try:
        publication = branch.publish()
    finally:
        faults.set_hook(None)
    assert rows(published, "bronze.people") == [(1,), (2,), (3,)]
    assert rows(published, "bronze.pets") == [(1,), (2,), (3,)]
    assert publication.previous == published.publications()[1].commit
    # The checks of people alone were not run again.
    again = {each.check for each in publication.report.results if not each.reused}
    assert all(not check.startswith("bronze.people/") for check in again)
    assert candidates(published) == []
    # No receipt was written for the attempt that came too late.
    assert len(list(published.context.receipts.newest())) == len(published.publications())


def test_main_moving_all_the_time_is_an_error(small):
    with lagoa.open_lake(load_settings(small.root).model_copy(update={"publish_tries": 2})) as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(1), batch="p1")
        catalog = lake.context.catalog

        def move_main(step: str) -> None:
            if step == "publish.receipt":
                base = head(lake)
                catalog.create_branch("mover", base)
                moved = catalog.commit("mover", base, Change(message="moved"))
                catalog.swap(MAIN, base, moved.id)
                catalog.delete_ref("mover", moved.id)

        faults.set_hook(move_main)
        try:
            with pytest.raises(PublishContended) as caught:
                branch.publish()
        finally:
            faults.set_hook(None)
        assert caught.value.tries == 2
        assert candidates(lake) == []
        branch.publish()


def test_threads_on_different_tables_publish_at_once(small):
    for number in range(4):
        small.contract(f"bronze.t{number}", "id:long")
    start = threading.Barrier(4)
    failures = []

    def work(lake, number: int) -> None:
        try:
            branch = lake.create_branch(f"run{number}")
            branch.append(f"bronze.t{number}", small.people(number).select(["id"]), batch="b")
            start.wait()
            branch.publish()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    with small.open() as lake:
        threads = [threading.Thread(target=work, args=(lake, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(lake.tables()) == 4
        assert len(lake.publications()) == 4
        assert candidates(lake) == []


class Crooked(SqliteCatalog):
    """Puts the commit of a candidate on another base than the one that was asked for."""

    def commit(self, branch, expected, change):
        if not branch.startswith(CANDIDATE_PREFIX):
            return super().commit(branch, expected, change)
        root = list(self.log(expected))[-1].id
        self.delete_ref(branch, expected)
        self.create_branch(branch, root)
        return super().commit(branch, root, change)


def test_a_commit_that_does_not_stand_on_main_is_never_swapped_in(published, small):
    branch = published.create_branch("dev")
    branch.append("bronze.people", small.people(3), batch="p2")
    before = head(published)
    crooked = Crooked(published.settings.state_folder / "catalog.db")
    with pytest.raises(CatalogDamaged, match="is not based on main"):
        publish(replace(published.context, catalog=crooked), "dev")
    crooked.close()
    assert head(published) == before


def _publish(root, branch: str, answers) -> None:
    with lagoa.open_lake(root) as lake:
        try:
            lake.branch(branch).publish()
            answers.put((branch, "published"))
        except lagoa.errors.LagoaError as error:
            answers.put((branch, type(error).__name__))


def test_processes_on_one_table_all_publish(published, small, processes):
    for name in ("one", "two"):
        published.create_branch(name).append("bronze.people", small.people(len(name) + ord(name[0])), batch=name)
    published.create_branch("three").append("bronze.pets", small.pets(9), batch="three")
    answers = processes.Queue()
    names = ("one", "two", "three")
    workers = [processes.Process(target=_publish, args=(small.root, name, answers)) for name in names]
    for worker in workers:
        worker.start()
    outcomes = dict(answers.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert set(outcomes.values()) == {"published"}
    assert len(rows(published, "bronze.people")) == 4


def test_candidates_of_dead_publishers_are_swept(published, small, processes):
    catalog = published.context.catalog
    finished = processes.Process(target=print)
    finished.start()
    finished.join()
    mine = []
    faults.set_hook(lambda step: mine.extend(candidates(published)) if step == "publish.committed" else None)
    try:
        published.create_branch("dev").append("bronze.people", small.people(3), batch="p2")
        published.branch("dev").publish()
    finally:
        faults.set_hook(None)
    host = mine[0].removeprefix(CANDIDATE_PREFIX).split("-")[0]
    now = int(time.time())
    dead = f"{CANDIDATE_PREFIX}{host}-{finished.pid}-{now}-aa"
    alive = f"{CANDIDATE_PREFIX}{host}-{os.getppid()}-{now}-bb"
    elsewhere = f"{CANDIDATE_PREFIX}ffffffff-{finished.pid}-{now}-cc"
    old = f"{CANDIDATE_PREFIX}ffffffff-{finished.pid}-{now - 90_000}-dd"
    for name in (dead, alive, elsewhere, old):
        catalog.create_branch(name, head(published))
    sweep(published.context)
    assert candidates(published) == sorted([alive, elsewhere])


def test_a_publication_whose_receipt_is_lost_is_still_listed(published):
    published.context.receipts.prune(datetime.now(UTC) + timedelta(days=1), lambda _: False)
    (publication,) = published.publications()
    assert (publication.receipt, publication.report.results) == ("", ())
    assert publication.tables == ("bronze.people", "bronze.pets")
