"""The store of receipts in PostgreSQL, as far as it goes without a server."""

from __future__ import annotations

import json

import pytest
from lakes import LakeFolder
from pydantic import SecretStr

import lagoa
from lagoa.adapters.env.secrets import EnvSecrets
from lagoa.adapters.postgres.receipts import receipts_password
from lagoa.errors import SecretNotFound, SettingsError
from lagoa.settings import load_settings

NOWHERE = "postgresql://127.0.0.1:1/lagoa"


@pytest.fixture
def lake_with(tmp_path, monkeypatch):
    """Return what makes a lake whose receipts are in a database."""
    monkeypatch.delenv("LAGOA_POSTGRES_URL", raising=False)

    def made(url):
        return LakeFolder(tmp_path, receipts="postgres", postgres_url=url).root

    return made


def test_a_lake_is_opened_and_read_without_its_server(lake_with):
    with lagoa.open_lake(lake_with(NOWHERE)) as lake:
        assert lake.tables() == {}
        assert not (lake.settings.state_folder / "receipts.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana:hidden@127.0.0.1/lagoa",
        "postgresql://hidden@127.0.0.1/lagoa",
        "postgresql://127.0.0.1",
        "http://127.0.0.1/lagoa",
        "postgresql://127.0.0.1/lagoa?password=hidden",
        "postgresql://127.0.0.1/lagoa?user=x&PASSWORD=hidden",
        "postgresql://127.0.0.1/lagoa?passfile=hidden",
    ],
)
def test_an_address_has_a_database_and_no_credentials(lake_with, url):
    with pytest.raises(SettingsError, match="postgres_url") as caught:
        load_settings(lake_with(url))
    assert "hidden" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["postgresql://db/x", "postgresql://a:1,b:2/x?target_session_attrs=read-write"])
def test_what_libpq_takes_may_stand_behind(lake_with, url):
    assert load_settings(lake_with(url)).postgres_url == url


class TestPassword:
    @pytest.fixture
    def stack(self, tmp_path):
        file = tmp_path / "credentials.json"
        file.write_text(json.dumps({"postgres-lagoa-engineer": "drawn"}))
        file.chmod(0o600)
        return tmp_path

    def test_the_secret_goes_first(self, stack, monkeypatch):
        monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", "set")
        assert receipts_password(EnvSecrets, stack, "engineer") == SecretStr("set")

    def test_else_it_is_what_the_stack_drew_for_the_role(self, stack, monkeypatch):
        monkeypatch.delenv("LAGOA_SECRET_RECEIPTS_PASSWORD", raising=False)
        assert receipts_password(EnvSecrets, stack, "engineer") == SecretStr("drawn")
        with pytest.raises(SecretNotFound, match="receipts-password"):
            receipts_password(EnvSecrets, stack, "publisher")

    def test_without_both_it_is_told_what_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LAGOA_SECRET_RECEIPTS_PASSWORD", raising=False)
        with pytest.raises(SecretNotFound, match="LAGOA_SECRET_RECEIPTS_PASSWORD"):
            receipts_password(EnvSecrets, tmp_path, "engineer")
