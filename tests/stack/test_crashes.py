"""Processes that are killed at named points of whatever they do, on servers; see `crashes`."""

from __future__ import annotations

from functools import partial
from multiprocessing import get_context

import psycopg
import pytest
from crashes import Crashes, Servers, describe
from effort import FACTOR, many

from tests.integration.publish.conftest import PRELOADED
from tests.stack.breaking import restart, without_tables
from tests.stack.test_backup import without_receipts


@pytest.fixture
def made(tmp_path, stack, empty_nessie):
    """Return a lake without tables on Nessie and MinIO, and what makes processes."""
    folder = without_tables(tmp_path / "lake", empty_nessie)
    (folder.root / ".lagoa").mkdir(exist_ok=True)
    (folder.root / ".lagoa/stack").symlink_to(stack._state)  # where the passwords of all roles are
    describe(folder)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([*PRELOADED, "lagoa.adapters.nessie.catalog"])
    return folder, processes


@pytest.fixture
def crashes(made):
    """Return a function that makes the lake; without a seed its order is another one each time."""
    folder, processes = made
    with folder.open() as lake:
        yield lambda seed: Crashes(lake, processes.Process, seed)


@pytest.mark.timeout(600)
def test_kills_lose_nothing(crashes):
    crashes(20).kill(40)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_hundreds_of_kills_lose_nothing(crashes):
    crashes(None if FACTOR > 1 else 0).kill(many(10))


SERVERS = ("nessie", "minio", "postgres")


@pytest.fixture
def beside_servers(made, stack, postgres_url, credentials):
    """Return a function that makes the lake with its receipts in PostgreSQL; each of its servers can be away."""
    folder, processes = made
    with (folder.root / "lagoa.toml").open("a") as file:
        file.write('receipts = "postgres"\n')
    servers = Servers(SERVERS, partial(restart, stack))
    with folder.open() as lake:
        yield lambda seed: Crashes(lake, processes.Process, seed, servers)
    with psycopg.connect(
        postgres_url, user="postgres", password=credentials["postgres-admin"], autocommit=True
    ) as admin:
        without_receipts(admin)


@pytest.mark.timeout(600)
def test_a_server_that_is_away_at_any_moment_loses_nothing(beside_servers):
    found = beside_servers(5)
    found.kill(2, outages=len(SERVERS))
    assert found.away == dict.fromkeys(SERVERS, 1)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_servers_that_are_away_again_and_again_lose_nothing(beside_servers):
    beside_servers(None if FACTOR > 1 else 0).kill(many(3), outages=many(len(SERVERS) * 3))
