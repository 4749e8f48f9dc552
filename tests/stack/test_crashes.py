"""Processes that are killed at named points of whatever they do, on servers; see `crashes`."""

from __future__ import annotations

from functools import partial
from multiprocessing import get_context
from random import Random

import psycopg
import pytest
from crashes import Crashes, Servers, describe
from effort import FACTOR, many
from lakes import LakeFolder

from tests.integration.publish.conftest import PRELOADED
from tests.stack.breaking import restart, without_tables
from tests.stack.test_backup import without_receipts


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


@pytest.fixture
def beside_postgres(tmp_path, stack, postgres_url, credentials):
    """Return a function that makes a lake of files whose receipts are in PostgreSQL, which can be away."""
    folder = LakeFolder(tmp_path / "lake", memory_limit="500MB", author="ana", receipts="postgres")
    (folder.root / ".lagoa").mkdir(exist_ok=True)
    (folder.root / ".lagoa/stack").symlink_to(stack._state)  # where the password is
    describe(folder)
    processes = get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    servers = Servers(("postgres",), partial(restart, stack))
    with folder.open() as lake:
        yield lambda seed: Crashes(lake, processes.Process, Random(seed), frozenset({"collect"}), servers)  # noqa: S311 - any order will do
    with psycopg.connect(
        postgres_url, user="postgres", password=credentials["postgres-admin"], autocommit=True
    ) as admin:
        without_receipts(admin)


@pytest.mark.timeout(600)
def test_a_server_that_is_away_at_any_moment_loses_nothing(beside_postgres):
    found = beside_postgres(5)
    found.kill(3, outages=5)
    assert found.away == {"postgres": 5}


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_a_server_that_is_away_again_and_again_loses_nothing(beside_postgres):
    beside_postgres(None if FACTOR > 1 else 0).kill(many(3), outages=many(5))
