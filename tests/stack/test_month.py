"""The days of two people and four scheduled runs on Nessie and MinIO; see `tests/integration/publish/test_month.py`."""

from __future__ import annotations

import random
import shutil

import pytest
from effort import FACTOR

from tests.integration.publish import conftest
from tests.integration.publish.test_month import live
from tests.stack.breaking import StackLake

processes = conftest.processes


@pytest.fixture
def folder(tmp_path, empty_nessie):
    """Return a folder with settings alone of a lake on a Nessie with nothing in it."""
    lake = StackLake(tmp_path / "lake", empty_nessie)
    shutil.rmtree(lake.root / "iceberg")
    shutil.rmtree(lake.root / "transformations")
    return lake


@pytest.mark.timeout(600)
def test_a_day_is_that_of_a_serial_history(folder, processes):
    taken = live(folder, processes, seed=1, days=1)
    assert taken["published"] > 2


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_ten_days_are_those_of_a_serial_history(folder, processes, capsys):
    seed = 1 if FACTOR == 1 else random.randrange(10**9)  # noqa: S311 - any will do
    taken = live(folder, processes, seed, days=10)
    with capsys.disabled():
        print(f"\nSeed {seed}: {dict(taken)}")  # noqa: T201
    assert taken["published"] > 20
    assert taken["killed"] > 0
