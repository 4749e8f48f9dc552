"""Settings that cannot be used: the error says which, where and what it has to be."""

from __future__ import annotations

import pytest

from lagoa.errors import SettingsError
from lagoa.settings import load_settings


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("worker = 2", "there is no setting 'worker'. Did you mean 'workers'?"),
        ("colour = 'red'", "there is no setting 'colour'."),
        ("workers = 'two'", "workers: it must be a whole number."),
        ("workers = 2.5", "workers: it must be a whole number."),
        ("workers = 0", "workers: it must be at least 1."),
        ("threads = 257", "threads: it must be at most 256."),
        ("timeout_s = 'long'", "timeout_s: it must be a number."),
        ("name = 1", "name: it must be text."),
        ("state = 1", "state: it must be a path."),
        ("catalog = 'postgres'", "catalog: it must be 'sqlite' or 'nessie'."),
        ("ingest_ignore = 1", "ingest_ignore: it must be a list."),
        ("ingest_ignore = [1]", "ingest_ignore: it must be text."),
        ("approval = 1", "approval: it must be a table."),
        ("[approval]\nowner = true", "there is no setting 'approval.owner'. Did you mean 'approval.owners'?"),
        ("[approval]\nowners = 'all'", "approval.owners: it must be true or false."),
        ("[approval]\nrows_removed = -1", "approval.rows_removed: it must be at least 0."),
        ("[approval]\nteams = {sales = 'ana'}", "approval.teams.sales: it must be a list."),
        ("nessie_url = 'here'", r"nessie_url: it is not of the form ^https?://"),
    ],
)
def test_a_setting_that_cannot_be_used(tmp_path, line, said):
    (tmp_path / "lagoa.toml").write_text(f"{line}\n")
    with pytest.raises(SettingsError) as raised:
        load_settings(tmp_path)
    assert raised.value.message.startswith(f"{tmp_path / 'lagoa.toml'}: {said}")


def test_a_variable_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "lagoa.toml").write_text("workers = 2\n")
    monkeypatch.setenv("LAGOA_WORKERS", "many")
    with pytest.raises(SettingsError, match=r"^LAGOA_WORKERS: workers: it must be a whole number\."):
        load_settings(tmp_path)
    monkeypatch.setenv("LAGOA_WORKERS", "3")
    monkeypatch.setenv("LAGOA_INGEST_IGNORE", "*.pdf")
    with pytest.raises(SettingsError, match="Write a list as JSON"):
        load_settings(tmp_path)
    monkeypatch.setenv("LAGOA_INGEST_IGNORE", '["*.pdf"]')
    assert load_settings(tmp_path).ingest_ignore == ("*.pdf",)
