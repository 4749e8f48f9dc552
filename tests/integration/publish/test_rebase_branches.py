"""A rebase of branches that were made from each other: no write is done twice."""

from __future__ import annotations

import sqlite3

import pytest

from lagoa.domain.refs import MAIN
from lagoa.errors import CatalogDamaged, RebaseConflict

A = "bronze.people"


@pytest.fixture
def published(lake, small):
    """A lake whose main has people."""
    branch = lake.create_branch("first")
    branch.append(A, small.people(1, 2), batch="p1")
    branch.publish()
    return lake


def ids(lake, ref=MAIN):
    return [row[0] for row in lake.sql(f"select id from {A} order by all", ref=ref).fetchall()]


@pytest.mark.parametrize("main_first", [True, False])
def test_a_branch_of_a_branch_that_was_rebased_with_its_work(published, small, main_first):
    """Both have the work of the first one, by a rebase each: it must not come to main twice."""
    one, two = published.create_branch("one"), published.create_branch("two")
    one.append(A, small.people(3))
    if main_first:
        one.publish()
    two.append(A, small.people(4))
    third = published.create_branch("third", at="two")
    third.append(A, small.people(5))
    if not main_first:
        one.publish()
    third.rebase()
    assert ids(published, "third") == [1, 2, 3, 4, 5]
    two.publish()
    before = published.resolve(MAIN).id, published.resolve("third").id
    with pytest.raises(RebaseConflict, match="a part of the work") as caught:
        third.publish()
    assert (published.resolve(MAIN).id, published.resolve("third").id) == before
    assert "--theirs bronze.people" in caught.value.advice or "--ours bronze.people" in caught.value.advice
    assert ids(published) == [1, 2, 3, 4]


def test_a_branch_whose_base_is_missing(published, small):
    one, two = published.create_branch("one"), published.create_branch("two")
    two.append(A, small.people(4))
    one.append(A, small.people(3))
    one.publish()
    base = published.context.catalog.merge_base(published.resolve("two").id, published.resolve(MAIN).id)
    published.close()
    with sqlite3.connect(next((small.root / ".lagoa").glob("catalog*.db"))) as db:
        db.execute("pragma foreign_keys = off")
        db.execute("delete from commits where id = ?", (base,))
    db.close()
    with small.open() as lake, pytest.raises(CatalogDamaged, match="have in common"):
        lake.branch("two").rebase()
