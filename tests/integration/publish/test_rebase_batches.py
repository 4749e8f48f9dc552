"""A rebase and batches that both sides have, whatever way they were loaded."""

from __future__ import annotations

import pytest

from lagoa.domain.refs import MAIN
from lagoa.errors import RebaseConflict

A = "bronze.people"


@pytest.fixture
def two(lake, small):
    """Two branches of a main with people."""
    branch = lake.create_branch("first")
    branch.append(A, small.people(1, 2), batch="p1")
    branch.publish()
    return lake.create_branch("one"), lake.create_branch("two")


def ids(lake, ref=MAIN):
    return [row[0] for row in lake.sql(f"select id from {A} order by all", ref=ref).fetchall()]


@pytest.mark.parametrize("way", ["merge", "after a hold"])
def test_a_batch_that_both_loaded_in_different_ways(lake, two, small, way):
    """It is refused as what it is, not as other content: that is not known."""
    one, other = two
    other.append(A, small.people(3), batch="p2")
    if way == "merge":
        one.merge(A, small.people(3), batch="p2")
    else:
        one.append(A, small.people(9), batch="p9")
        one.publish()
        lake.rollback("main~1", hold=True)
        one = lake.create_branch("third")
        one.append(A, small.people(3), batch="p2")
    one.publish()
    with pytest.raises(RebaseConflict, match="main has a batch 'p2', too"):
        other.publish()
    other.rebase(theirs=[A])
    assert ids(lake, "two") == [1, 2, 3]
    again = lake.create_branch("again")
    assert again.append(A, small.people(3), batch="p2").skipped
