"""The days of two people and four scheduled runs on Nessie and MinIO; see `tests/integration/publish/test_month.py`."""

from __future__ import annotations

import pytest

from tests.integration.publish import conftest
from tests.integration.publish.test_month import live, live_by_chance
from tests.stack.breaking import without_tables

processes = conftest.processes


@pytest.fixture
def folder(tmp_path, empty_nessie):
    """Return a folder with settings alone of a lake on a Nessie with nothing in it."""
    return without_tables(tmp_path / "lake", empty_nessie)


@pytest.mark.timeout(600)
def test_a_day_is_that_of_a_serial_history(folder, processes):
    taken = live(folder, processes, seed=1, days=1)
    assert taken["published"] > 2


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_ten_days_are_those_of_a_serial_history(folder, processes, capsys):
    taken = live_by_chance(folder, processes, capsys, days=10)
    assert taken["published"] > 20
    assert taken["killed"] > 0
