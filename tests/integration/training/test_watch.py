"""Watching a champion: rows that came after it, what came true of them, and the proposal of a candidate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from trained import DEFINITION, LATER, SCORES, SELECT, T0, TrainedLake, begin, orders, publish

from lagoa.errors import TrainingError


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the files of a lake with a champion that was trained after a hundred days."""
    folder = TrainedLake(tmp_path_factory.mktemp("begun"))
    folder.contract("gold.risk", SCORES)
    folder.model_files(DEFINITION + "scores: gold.risk\n")
    return begin(folder, 100)


@pytest.fixture
def lake(begun, folder):
    """Return that lake."""
    folder.take(begun)
    with folder.open_folder() as opened:
        yield opened


def _from(day: int, name: str, change) -> pa.Table:
    """Return 200 days of orders; from a day on, a column is changed."""
    rows = orders(200)
    late = pc.greater_equal(rows["placed_at"], pa.scalar(T0 + timedelta(days=day)))
    return rows.set_column(rows.column_names.index(name), name, pc.if_else(late, change(rows[name]), rows[name]))


def test_more_of_the_same_is_no_reason_to_train_again(lake):
    publish(lake, orders(200))
    found = lake.watch_model("late@champion", days=365)
    until = (T0 + timedelta(days=89, minutes=7)).replace(tzinfo=UTC)  # the last order whose label was known
    assert (found.since, found.rows, found.findings) == (until, 110 * 8, ())
    assert found.outcomes == 100 * 8  # of the last ten days no label is known yet
    assert set(found.drift) == {"distance", "state"}
    assert max(found.drift.values()) < 0.1
    assert found.scores < 0.3  # the test had 144 rows
    assert found.metrics["auc"].low < found.run.metrics["auc"].value < found.metrics["auc"].high
    assert [(each.name, each.kept) for each in found.limits] == [("auc", True)]


def test_only_the_last_days_count(lake):
    publish(lake, _from(100, "distance", lambda column: pc.add(column, 3)))
    assert lake.watch_model("late@champion", days=20).rows == 20 * 8
    shifted = lake.watch_model("late@champion", days=20)
    assert shifted.outcomes == 20 * 8
    assert lake.watch_model("late@champion", days=1).findings == ()  # too few to say anything


def test_labels_that_are_expected_later_do_not_make_it_later_now(folder, lake):
    quick = "coalesce(late, case when id % 2 = 0 then false end) as late,"  # known at once, where the answer is no
    expected = (
        "case when late is not null then known_at when id % 2 = 0 then placed_at "
        "else placed_at + interval 60 day end as known_at,"
    )
    folder.model_files(select=SELECT.replace(" late,", quick).replace("known_at,", expected))
    publish(lake, orders(100))
    lake.train()
    publish(lake, orders(200))
    assert lake.watch_model("late", days=365).outcomes == 1 + 90 * 8  # not those of the last ten days


def test_without_new_rows_nothing_is_said(lake):
    publish(lake, pa.concat_tables([orders(100).slice(0, 80)]))
    found = lake.watch_model("late@champion")
    assert (found.rows, found.outcomes, found.drift, found.metrics, found.findings) == (0, 0, {}, {}, ())


def test_a_feature_and_what_follows_from_it_have_shifted(lake):
    publish(lake, _from(100, "distance", lambda column: pc.add(column, 3)))
    found = lake.watch_model("late@champion", days=90)
    assert next(iter(found.drift)) == "distance"
    assert [each.partition(":")[0] for each in found.findings[:2]] == [
        "distance has shifted",
        "what is predicted has shifted",
    ]


def test_values_that_were_never_seen_or_are_missing_are_a_shift(lake):
    publish(lake, _from(100, "state", lambda column: pa.array(["RJ"] * len(column))))
    assert any(each.startswith("state has shifted") for each in lake.watch_model("late@champion").findings)
    publish(lake, _from(100, "distance", lambda column: pa.nulls(len(column), pa.float64())))
    assert any(each.startswith("distance has shifted") for each in lake.watch_model("late@champion").findings)


def test_outcomes_that_are_worse_than_in_the_test_are_found_though_nothing_shifted(lake):
    random = np.random.default_rng(3)
    publish(
        lake, _from(95, "late", lambda column: pc.if_else(pc.is_valid(column), random.random(len(column)) < 0.3, None))
    )
    found = lake.watch_model("late@champion", days=90)
    assert max(found.drift.values()) < 0.25
    worse, limit = found.findings
    assert worse.startswith("auc is 0.")
    assert "in the test" in worse
    assert limit.startswith("auc is 0.")
    assert limit.endswith("must be at least 0.6")


def test_labels_that_came_early_are_not_taken_for_all(lake):
    rows = orders(200)
    quick = pc.and_(
        pc.is_null(rows["late"]), pc.equal(rows["state"], "SP")
    )  # of the last days, known at once: not late
    known = pc.if_else(quick, rows["placed_at"], rows["known_at"])
    rows = rows.set_column(2, "known_at", known).set_column(3, "late", pc.if_else(quick, False, rows["late"]))
    publish(lake, rows)
    found = lake.watch_model("late@champion", days=9)
    last = (T0 + timedelta(days=199) - LATER).replace(tzinfo=UTC)
    assert found.outcomes == 9 * 8
    assert found.metrics["auc"].value > 0.7
    assert last > found.run.rows.until


def test_a_candidate_is_proposed_on_a_branch_and_once(lake):
    publish(lake, _from(0, "distance", pc.negate))  # somebody corrected the sign
    assert lake.watch_model("late@champion").findings
    head = lake.resolve("main").id
    made = lake.propose_model("late")
    assert (made.new, made.run.version, made.champion.version) == (True, 2, 1)
    assert made.branch == f"retrain/late/{made.run.id}"
    assert made.comparison.rows > 100
    assert made.audit.passed
    query = "select distinct model_version, data_commit from gold.risk"
    assert lake.sql(query, made.branch).fetchall() == [(2, head)]
    assert lake.resolve("main").id == head
    assert lake.trained_run("late@champion").version == 1
    again = lake.propose_model("late")
    assert (again.new, again.run.id, again.branch) == (False, made.run.id, made.branch)
    lake.promote_model(made.run.id, "distances have another sign")
    published = lake.branch(made.branch).publish()
    assert published.tables == ("gold.risk",)
    assert lake.watch_model("late@champion", days=90).findings == ()


def test_a_branch_that_is_deleted_makes_room_for_the_next_proposal(lake):
    publish(lake, _from(100, "distance", lambda column: pc.add(column, 3)))
    made = lake.propose_model("late")
    lake.delete_ref(made.branch)
    assert lake.propose_model("late").run.version == 3


def test_scores_that_cannot_be_written_leave_no_branch(folder, lake):
    folder.contract("gold.risk", SCORES.replace("probability:double!", "risk:double!"))
    lake.context.refresh()
    publish(lake, orders(200))
    with pytest.raises(Exception, match="risk"):
        lake.propose_model("late")
    assert not [each for each in lake.refs() if each.name.startswith("retrain/")]


def test_what_cannot_be_watched_or_proposed_says_why(folder, lake):
    champion = lake.trained_run("late@champion")
    lake.context.training.add(replace(champion, id="20260101T000000-abcdef", spreads={}))
    with pytest.raises(TrainingError, match="did not keep how features were spread"):
        lake.watch_model("20260101T000000-abcdef")
    folder.file("ml/other.yaml", DEFINITION)
    with pytest.raises(TrainingError, match="no champion"):
        lake.propose_model("other")
