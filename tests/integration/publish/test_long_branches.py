"""Branches with very many commits: bounded in memory and time, or refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from pyiceberg.expressions import EqualTo

from lagoa.adapters.shared.states import delta_of
from lagoa.adapters.sqlite import refs
from lagoa.adapters.sqlite.history import to_micros
from lagoa.adapters.sqlite.write import commit_of, insert_commit
from lagoa.catalog.draft import DraftCatalog
from lagoa.domain.commits import INTENTS, Change, Intent
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import RebaseConflict
from lagoa.publish.work import MOST_INTENTS, own_commits
from lagoa.review.approval import consent_to, demands
from lagoa.review.blame import blame
from lagoa.settings import ApprovalRules

PEOPLE, PETS = "bronze.people", "bronze.pets"


class CountingCatalog(DraftCatalog):
    """The catalog of a lake, which counts what is asked of it."""

    def __init__(self, catalog) -> None:
        super().__init__(catalog, "none", "")
        self.asked: Counter[str] = Counter()

    def tables(self, commit):
        self.asked["tables"] += 1
        return super().tables(commit)

    def is_ancestor(self, ancestor, of):
        self.asked["is_ancestor"] += 1
        return super().is_ancestor(ancestor, of)

    def merge_base(self, a, b):
        self.asked["merge_base"] += 1
        return super().merge_base(a, b)


def add_commits(lake, branch: str, number: int) -> None:
    """Add commits to a branch straight in the catalog's file, which change one table that is gone after them."""
    catalog, table = lake.context.catalog, TableName.parse("bronze.passing")
    intents = json.dumps([asdict(Intent("merge", PEOPLE, key=("id",), incoming=("file:///none.parquet",)))])
    with catalog._file.writing() as db:
        head = catalog.ref(branch).commit
        state = catalog._state(head)
        for at in range(number):
            pointer = None if at == number - 1 else f"file:///{at}.metadata.json"
            change = Change({table: pointer}, f"Number {at}", {}, {INTENTS: intents}, "bia")
            delta = delta_of(state, change)
            state = state.changed(delta)
            commit = commit_of(head, change, delta, to_micros(datetime.now(UTC)))
            insert_commit(db, commit, delta, state)
            head = commit.id
        refs.point(db, branch, head)


@pytest.fixture
def published(lake, small):
    """A lake whose main has people and pets."""
    with lake.run("first") as branch:
        branch.append(PEOPLE, small.people(1, 2))
        branch.append(PETS, small.pets(1))
        branch.publish()
    return lake


def test_blame_and_approvals_ask_the_catalog_no_more_often_of_a_long_branch(published, small):
    """Commits that leave the table alone are passed, and whose they are is found by one merge base."""
    asked = []
    for name, number in (("short", 2), ("long", 400)):
        dev = published.create_branch(name)
        dev.merge(PEOPLE, small.people(2, name="bia"))
        add_commits(published, name, number)
        catalog = CountingCatalog(published.context.catalog)
        context = published.context.over(catalog)
        assert [each.kind for each in blame(context, PEOPLE, 2, name).writes] == ["changed", "added"]
        rules = ApprovalRules(breaking=True, owners=True, four_eyes=True)
        context = replace(context, settings=context.settings.model_copy(update={"approval": rules}))
        changes = catalog.diff(catalog.merge_base(dev.head, published.resolve(MAIN).id), dev.head)
        consent_to(context, name, dev.head, demands(context, changes, ()))
        asked.append(catalog.asked)
    assert asked[1].total() - asked[0].total() < 20  # one for each page of the log
    assert asked[0].total() < 30


def test_a_long_branch_is_published_without_its_intents_and_not_rebased(published, small):
    """One commit keeps those of some thousand writes at most, as each reader of the history reads them."""
    dev = published.create_branch("dev")
    dev.merge(PEOPLE, small.people(3))
    many = json.dumps([asdict(Intent("append", "bronze.passing", files=("x" * 100,)))] * (MOST_INTENTS // 300))
    published.context.catalog.commit("dev", dev.head, Change(message="Very many", properties={INTENTS: many}))
    with published.run("other") as other:
        other.merge(PETS, small.pets(2))
        other.publish()
    with pytest.raises(RebaseConflict, match="too many writes") as caught:
        dev.rebase()
    assert "lagoa table restore TABLE --from dev" in caught.value.advice
    publication = dev.publish()
    assert publication.tables == (PEOPLE,)
    assert INTENTS not in published.resolve(MAIN).properties
    assert published.blame(PEOPLE, 3).writes[0].how == ("merge",)

    later = published.create_branch("later")
    later.merge(PEOPLE, small.people(4))
    published.context.catalog.commit("later", later.head, Change(message="Very many", properties={INTENTS: many}))
    with published.run("other") as other:
        other.merge(PEOPLE, small.people(5))
        other.publish()
    head, main = later.head, published.resolve(MAIN).id
    with pytest.raises(RebaseConflict, match="too many writes"):
        later.publish()
    assert "too many writes" in later.review().refused
    assert (later.head, published.resolve(MAIN).id) == (head, main)


def test_commits_of_another_program_one_after_the_other_are_one_write(published, small):
    dev = published.create_branch("dev")
    table = dev.catalog().load_table(PEOPLE)
    for number in (3, 4, 5):
        table.append(small.people(number).cast(table.schema().as_arrow()))
    with published.run("other") as other:
        other.append(PEOPLE, small.people(6))
        other.publish()
    assert [(each.how, each.writes) for each in dev.rebase().tables] == [("replayed", 1)]
    assert published.sql(f"select id from {PEOPLE} order by id", "dev").fetchall() == [(n,) for n in range(1, 7)]
    dev.catalog().load_table(PEOPLE).delete(EqualTo("id", 1))
    dev.catalog().load_table(PEOPLE).append(small.people(7).cast(table.schema().as_arrow()))
    with published.run("other") as other:
        other.append(PEOPLE, small.people(8))
        other.publish()
    with pytest.raises(RebaseConflict, match="replaced"):
        dev.rebase()


def test_own_commits_are_those_that_main_does_not_have(published, small):
    """Also those before a rebase, and not those of main before that."""
    dev = published.create_branch("dev")
    dev.merge(PEOPLE, small.people(3))
    first = dev.head
    with published.run("other") as other:
        other.merge(PEOPLE, small.people(4))
        other.publish()
    dev.rebase()
    rebased = dev.head
    dev.merge(PETS, small.pets(3))
    catalog, main = published.context.catalog, published.resolve(MAIN).id
    assert [each.id for each in own_commits(catalog, dev.head, main)] == [dev.head, rebased, first]
    assert [each.id for each in dev.review(audit=False).commits] == [dev.head, rebased, first]
    dev.publish()
    dev.merge(PETS, small.pets(4))
    assert [each.id for each in own_commits(catalog, dev.head, published.resolve(MAIN).id)] == [dev.head]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_branch_of_a_hundred_thousand_commits(published, small):
    dev = published.create_branch("dev")
    dev.merge(PEOPLE, small.people(3))
    add_commits(published, "dev", 100_000)
    with published.run("other") as other:
        other.merge(PETS, small.pets(2))
        other.publish()
    assert next(each for each in published.branches() if each.name == "dev").ahead == 100_001
    assert len(published.log("dev", 20)) == 20
    assert [str(each.table) for each in published.diff(MAIN, "dev").tables] == [PEOPLE, PETS]
    assert dev.review().commit_count == 100_001
    assert [each.kind for each in published.blame(PEOPLE, 3, "dev").writes] == ["added"]
    with pytest.raises(RebaseConflict, match="too many writes"):
        dev.rebase()
    assert dev.publish().tables == (PEOPLE,)
    assert published.blame(PEOPLE, 3).writes[0].how == ("merge",)
