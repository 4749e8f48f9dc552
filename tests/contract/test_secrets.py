"""What every source of secrets must do, over a dict of ways to open one: a further adapter joins by one line."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lagoa.adapters.env.secrets import EnvSecrets
from lagoa.errors import InvalidName, SecretNotFound

NAME = "test-secret-1"


class Environment:
    """Secrets in variables, and how one is put there."""

    def __init__(self, monkeypatch):
        self.secrets = EnvSecrets()
        self._monkeypatch = monkeypatch

    def put(self, name, value):
        self._monkeypatch.setenv(f"LAGOA_SECRET_{name.upper().replace('-', '_')}", value)

    def close(self):
        pass


class Vault:
    """Secrets of the role `reader` in the Vault of the stack that `tests/stack/run` has brought up."""

    def __init__(self, monkeypatch):
        import hvac

        from lagoa.adapters.vault.secrets import VaultSecrets, app_role
        from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials

        monkeypatch.delenv("LAGOA_VAULT_ROLE_ID", raising=False)
        stack = Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack"
        url = os.environ["LAGOA_VAULT_URL"]
        self.secrets = VaultSecrets(url, "reader", lambda: app_role(stack, "reader"))
        self._root = hvac.Client(url, token=read_credentials(stack / CREDENTIALS_FILE)["vault-root-token"])

    def put(self, name, value):
        kv, path, mount = self._root.secrets.kv.v2, "roles/reader", {"mount_point": "lagoa"}
        kept = kv.read_secret_version(path, raise_on_deleted_version=True, **mount)["data"]["data"]
        kv.create_or_update_secret(path, {**kept, name: value}, **mount)

    def close(self):
        self._root.adapter.close()


# `tests/stack/run` brings the server up and sets the variable.
SOURCES = {"env": Environment} | ({"vault": Vault} if "LAGOA_TEST_STACK" in os.environ else {})


@pytest.fixture(params=SOURCES)
def source(request, monkeypatch):
    with closing(SOURCES[request.param](monkeypatch)) as opened:
        yield opened


@pytest.mark.parametrize("value", ["s3cret", "ação 100% $HOME 'x' \"y\" \\n", " a\nb\t", "=", "x" * 10_000])
def test_a_secret_comes_back_as_it_was_put(source, value):
    source.put(NAME, value)
    assert source.secrets.get(NAME).get_secret_value() == value


def test_nothing_shows_a_secret(source):
    source.put(NAME, "s3cret")
    got = source.secrets.get(NAME)
    assert "s3cret" not in f"{got} {got!r} {source.secrets!r}"


def test_a_secret_that_was_changed_is_seen(source):
    for value in ("one", "two"):
        source.put(NAME, value)
        assert source.secrets.get(NAME).get_secret_value() == value


def test_names_that_are_alike_are_kept_apart(source):
    source.put("test-a", "1")
    source.put("test-a-b", "2")
    assert [source.secrets.get(name).get_secret_value() for name in ("test-a", "test-a-b")] == ["1", "2"]


def test_a_secret_that_is_not_there_is_told_with_what_to_do(source):
    with pytest.raises(SecretNotFound, match="test-nowhere") as caught:
        source.secrets.get("test-nowhere")
    assert caught.value.name == "test-nowhere"
    assert caught.value.advice


def test_an_empty_secret_is_none(source):
    source.put(NAME, "")
    with pytest.raises(SecretNotFound):
        source.secrets.get(NAME)


@pytest.mark.parametrize("name", ["", "A", "a_b", "a b", "a/b", "../a", "-a", "a\n", "ä", "a" * 101])
def test_a_name_outside_the_grammar_is_refused(source, name):
    with pytest.raises(InvalidName, match="is not a valid secret name"):
        source.secrets.get(name)


def test_threads_share_one(source):
    source.put(NAME, "s3cret")
    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(lambda _: source.secrets.get(NAME).get_secret_value(), range(40)))
    assert got == {"s3cret"}
