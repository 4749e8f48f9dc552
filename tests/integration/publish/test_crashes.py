"""Processes that are killed at named points of whatever they do, in a random order; see `crashes`."""

from __future__ import annotations

import pytest
from crashes import Crashes, describe
from effort import FACTOR, many
from lakes import LakeFolder


@pytest.fixture
def crashes(tmp_path, processes):
    """Return a function that makes the lake; without a seed its order is another one each time."""
    folder = LakeFolder(tmp_path / "lake", memory_limit="500MB", author="ana")
    describe(folder)
    with folder.open() as lake:
        yield lambda seed: Crashes(lake, processes.Process, seed)


def test_kills_lose_nothing(crashes):
    crashes(20).kill(20)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_hundreds_of_kills_lose_nothing(crashes):
    found = crashes(None if FACTOR > 1 else 0)
    found.kill(many(25))
