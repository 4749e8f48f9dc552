"""Leaks: columns of a model's rows that know what came later, found by building them at an earlier state."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from trained import SELECT, T0, orders, publish

from lagoa.errors import TrainingError


@pytest.fixture
def lake(folder):
    """Return the lake with two states: eighty days, and the hundred days that these are the first of."""
    with folder.open_folder() as opened:
        rows = orders(100)
        early = rows.slice(0, 80 * 8)
        horizon = T0 + timedelta(days=80)
        seen = [each is not None and each < horizon for each in early["known_at"].to_pylist()]
        for name in ("known_at", "late", "price"):
            values = [v if s else None for v, s in zip(early[name].to_pylist(), seen, strict=True)]
            early = early.set_column(early.column_names.index(name), early.schema.field(name), [values])
        publish(opened, early)
        publish(opened, rows)
        yield opened


def test_rows_that_know_only_the_past_are_the_same_at_both_states(lake):
    found = lake.check_leaks("late", "main~1")
    assert found.leaks == ()
    assert found.rows == 640
    assert found.until == (T0 + timedelta(days=79, minutes=7)).replace(tzinfo=UTC)
    assert (found.earlier, found.commit) == (lake.resolve("main~1").id, lake.resolve("main").id)


def test_a_feature_that_knows_the_future_is_found(folder, lake):
    leak = "avg(late::int) over (partition by state) + distance as distance"  # the share of all orders, later ones too
    folder.model_files(select=SELECT.replace("distance", leak))
    (found,) = lake.check_leaks("late", "main~1").leaks
    assert found.column == "distance"
    assert found.rows == 640
    assert found.before != found.now


def test_a_label_that_is_said_to_be_known_too_early_is_found(folder, lake):
    select = SELECT.replace("known_at,", "case when late is not null then placed_at end as known_at,")
    folder.model_files(select=select)
    (found,) = lake.check_leaks("late", "main~1").leaks
    assert found.column == "late"
    assert found.rows == 80
    assert found.before is None


def test_a_label_that_is_expected_later_is_no_leak(folder, lake):
    folder.model_files(select=SELECT.replace("known_at,", "placed_at + interval 10 day as known_at,"))
    found = lake.check_leaks("late", "main~1")
    assert found.leaks == ()
    assert found.until == (T0 + timedelta(days=79, minutes=7)).replace(tzinfo=UTC)


def test_a_state_without_rows_proves_nothing(lake):
    publish(lake, orders(0))
    with pytest.raises(TrainingError, match="it has no row of late"):
        lake.check_leaks("late", "main", "main~1")
