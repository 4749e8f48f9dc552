"""What holds for all tests, and the lake that most of them begin with."""

from __future__ import annotations

import gc

import pytest
from effort import FACTOR
from hypothesis import HealthCheck, settings
from lakes import LakeFolder

# `make test test-slow` try the same examples everywhere, so that they fail for a change and not by chance; the nightly
# tests try others each time. No test fails because the machine is busy.
settings.register_profile("lagoa", derandomize=FACTOR == 1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lagoa")

pytest.register_assert_rewrite("counterexamples", "older_lakes")  # they have tests that several files share


def pytest_collection_finish():
    """Let the garbage collector leave alone what lasts for the whole run: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def folder(tmp_path):
    """Return a lake's folder with nothing in it; a test file overrides it where its tests share contracts."""
    return LakeFolder(tmp_path)


@pytest.fixture
def lake(folder):
    """Return the lake in `folder`, with a branch `dev`."""
    with folder.open() as opened:
        opened.create_branch("dev")
        yield opened


@pytest.fixture
def dev(lake):
    """Return the branch `dev`."""
    return lake.branch("dev")
