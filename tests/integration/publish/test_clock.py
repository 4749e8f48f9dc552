"""A clock that goes back, by years, while branches are rebased, reviewed, approved, published and undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.errors import ApprovalMissing
from lagoa.lake import Lake
from lagoa.settings import ApprovalRules

PEOPLE = "bronze.people"


@pytest.mark.slow
def test_a_clock_that_goes_back_changes_nothing_of_what_is_done(lake, small):
    now = datetime(2026, 11, 20, 18, tzinfo=UTC)

    def later(days: float) -> None:
        nonlocal now
        now += timedelta(days=days)

    ours = lake.context
    catalog = SqliteCatalog(ours.settings.state_folder / "clock.db", clock=lambda: now)
    lake = Lake(replace(ours, catalog=catalog, clock=lambda: now))
    asking = ours.settings.model_copy(update={"approval": ApprovalRules(rows_removed=0)})
    with lake.run("first") as first:
        first.merge(PEOPLE, small.people(1, 2, 3))
        first.publish()
    dev = lake.create_branch("dev")
    later(-365)
    dev.merge(PEOPLE, small.people(1, name="bia"))
    dev.delete(PEOPLE, "id = 3")
    later(1)
    with lake.run("other") as other:
        other.merge(PEOPLE, small.people(4))
        middle = other.publish()
    later(-730)
    dev.rebase()
    later(-1)
    dev = Lake(replace(lake.context, settings=asking)).branch("dev")
    assert (dev.review().commit_count, dev.review().refused) == (3, "")
    with pytest.raises(ApprovalMissing):
        dev.publish()
    dev.approve("fine")
    later(-10)
    publication = dev.publish()
    assert [each.message for each in publication.approvals] == ["fine"]
    assert publication.published_at > middle.published_at
    assert [each.kind for each in lake.blame(PEOPLE, 1).writes] == ["changed", "added"]
    later(-1000)
    lake.revert(middle.commit)
    assert lake.sql(f"select id, name from {PEOPLE} order by id").fetchall() == [(1, "bia"), (2, "ana")]
    assert lake.resolve(f"main*{publication.published_at.isoformat()}").id == publication.commit
    catalog.close()
