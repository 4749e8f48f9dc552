"""A job on the whole stack when PostgreSQL dies, Keycloak is away as a token runs out, and Vault is sealed."""

from __future__ import annotations

import hvac
import pytest

from lagoa.errors import CatalogBusy, SecretsUnavailable, SignInUnavailable
from tests.stack.breaking import QUICK, StackLake, at_step, holds, kill, load, paused, within
from tests.stack.test_sign_in import Servers

pytestmark = pytest.mark.timeout(300)

GIVEN_UP_S = 60


@pytest.fixture
def servers(signed):
    return Servers(signed)


@pytest.fixture
def small(tmp_path, signed, servers, monkeypatch):
    """Return the files of a lake on the whole stack, used by an engineer, with nothing in it."""
    servers.empty()
    for name, value in servers.environment.items():  # the other stack's stand there, and go before the file
        monkeypatch.setenv(name, value)
    lake = StackLake(tmp_path / "lake", servers.nessie)
    (lake.root / ".lagoa").mkdir()
    (lake.root / ".lagoa/stack").symlink_to(signed._state)
    with (lake.root / "lagoa.toml").open("a") as file:
        file.write('sign_in = "oidc"\nrole = "engineer"\nreceipts = "postgres"\nsecrets = "vault"\n')
    return lake


def test_a_postgres_that_dies_is_outlasted(small, signed):
    with small.open(patience_s=90) as lake:
        load(lake, 1)
        with at_step("write.metadata", lambda: kill(signed, "postgres")):
            load(lake, 2)
        holds(lake, {1: 1, 2: 1})


def test_a_postgres_that_is_away_is_told_and_the_job_done_when_it_is_back(small, signed):
    with small.open(**QUICK) as lake:
        load(lake, 1)
        try:
            with (
                within(GIVEN_UP_S),
                at_step("write.metadata", lambda: signed._supervisor.end("postgres")),
                pytest.raises(CatalogBusy, match="lagoa stack status"),
            ):
                load(lake, 2)
        finally:
            signed.up()
    with small.open() as lake:
        holds(lake, {1: 1})
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


def test_a_keycloak_that_is_away_as_a_token_runs_out_is_told_and_the_job_done_when_it_is_back(
    small, signed, servers, monkeypatch
):
    with small.open() as lake:
        load(lake, 1)
    for name, value in QUICK.items():  # for the publisher's own step too
        monkeypatch.setenv(f"LAGOA_{name.upper()}", str(value))
    with servers.tokens_that_last("engineer", 2), small.open(**QUICK) as lake:
        with within(GIVEN_UP_S), paused(signed, "keycloak"), pytest.raises(SignInUnavailable):
            load(lake, 2)
        holds(lake, {1: 1})
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


def test_a_vault_that_is_sealed_is_told_and_the_job_done_when_it_is_unsealed(small, signed, servers):
    client = hvac.Client(url=servers.environment["LAGOA_VAULT_URL"], token=servers.credentials["vault-root-token"])
    with small.open() as lake:
        load(lake, 1)
        try:
            client.sys.seal()
            load(lake, 2)  # who signed in goes on
        finally:
            signed.up(["vault"])
    with small.open() as lake:
        try:
            # The publisher's own step, which starts with the first publication, has nothing to sign in with.
            with (
                within(GIVEN_UP_S),
                at_step("write.committed", client.sys.seal),
                pytest.raises(SecretsUnavailable, match="sealed"),
            ):
                load(lake, 3)
        finally:
            signed.up(["vault"])
        holds(lake, {1: 1, 2: 1})
        load(lake, 3)
        holds(lake, {1: 1, 2: 1, 3: 1})
