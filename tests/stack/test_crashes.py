"""Processes that are killed at named points of whatever they do, on Nessie and MinIO; see `crashes`."""

from __future__ import annotations

from multiprocessing import get_context
from random import Random

import pytest
from crashes import Crashes, describe
from effort import FACTOR, many

from tests.integration.publish.conftest import PRELOADED
from tests.stack.breaking import without_tables


@pytest.fixture
def crashes(tmp_path, empty_nessie):
    """Return a function that makes the lake; without a seed its order is another one each time."""
    folder = without_tables(tmp_path / "lake", empty_nessie)
    describe(folder)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([*PRELOADED, "lagoa.adapters.nessie.catalog"])
    with folder.open() as lake:
        yield lambda seed: Crashes(lake, processes.Process, Random(seed), frozenset({"collect"}))  # noqa: S311 - any order will do


@pytest.mark.timeout(600)
def test_kills_lose_nothing(crashes):
    crashes(20).kill(40)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_hundreds_of_kills_lose_nothing(crashes):
    crashes(None if FACTOR > 1 else 0).kill(many(10))
