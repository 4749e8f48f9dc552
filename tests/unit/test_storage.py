"""Where files lie, and what is told of an object store that does not serve them."""

from __future__ import annotations

import duckdb
import pytest
from pydantic import SecretStr

from lagoa.adapters.duckdb.sql import query_error
from lagoa.errors import QueryError, SettingsError, SignInFailed, StorageUnavailable
from lagoa.settings import load_settings
from lagoa.storage import Keys, LocalStorage, S3Storage, file_io, storage_of, store_of, use

KEYS = Keys("AK", SecretStr("hidden"), SecretStr("token"))


@pytest.fixture
def store():
    made = S3Storage("s3://unit/warehouse", "http://127.0.0.1:9", "us-east-1", lambda: KEYS)
    use(made)
    return made


def test_a_location_says_which_storage_it_lies_in(store, tmp_path):
    assert store_of("s3://unit/warehouse") is store_of("s3://unit/warehouse/bronze/a.parquet") is store
    for elsewhere in ("s3://unit/warehouse2/a", "s3://unit", str(tmp_path)):
        assert store_of(elsewhere) is None
        assert isinstance(storage_of(elsewhere), LocalStorage)


def test_a_table_cannot_say_that_a_known_store_is_another(store):
    files = file_io(f"{store.location}/a", {"s3.endpoint": "http://elsewhere", "kept": "yes"})
    assert files.properties["s3.endpoint"] == store.endpoint
    assert files.properties["kept"] == "yes"


def test_files_of_this_machine_are_made_and_discarded(tmp_path):
    local = LocalStorage()
    for prefix in ("", "file://"):
        folder = f"{prefix}{tmp_path}/a/b"
        local.make_folder(folder)
        (tmp_path / "a/b/c").write_text("x")
        local.discard(f"{folder}/c")
        assert not (tmp_path / "a/b/c").exists()
        local.discard(f"{folder}/c")
        local.discard(folder)
        assert not (tmp_path / "a/b").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "IO Error: Could not connect to server error for HTTP HEAD to 'http://h/b/a'",
            "could not connect to server",
        ),
        ("HTTP Error: Request returned HTTP 503 for HTTP PUT to 'http://h/b/a'", "request returned HTTP 503"),
    ],
)
def test_a_store_that_does_not_answer_is_no_fault_of_the_query(text, told):
    error = query_error(duckdb.IOException(text))
    assert isinstance(error, StorageUnavailable)
    assert error.message == f"The object store at http://h: {told}."


def test_a_full_disk_is_told_as_before():
    error = query_error(duckdb.IOException("IO Error: No space left on device"))
    assert isinstance(error, QueryError)
    assert "disk" in error.advice


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('warehouse = "s3://lagoa/warehouse"', True),
        ('warehouse = "files"', True),
        ('warehouse = "s3:/lagoa"', False),
        ('warehouse = "gs://lagoa"', False),
        ('warehouse = "s3://lagoa/a/../b"', False),
        ('warehouse = ""', False),
        ('s3_endpoint = "http://user:secret@host"', False),
        ('s3_access_key = "AK"', False),
    ],
)
def test_settings_of_the_warehouse(tmp_path, monkeypatch, line, right):
    monkeypatch.delenv("LAGOA_S3_ENDPOINT", raising=False)
    (tmp_path / "lagoa.toml").write_text(f"{line}\n")
    if right:
        location = load_settings(tmp_path).warehouse_location
        assert location in {"s3://lagoa/warehouse", str(tmp_path / ".lagoa/files")}
    else:
        with pytest.raises(SettingsError):
            load_settings(tmp_path)


def test_keys_show_no_secret(store):
    assert "hidden" not in f"{store!r} {store.keys()!r} {SignInFailed('x')}"


def test_a_store_within_another_has_its_own_place(store):
    inner = S3Storage(f"{store.location}/inner", "http://127.0.0.1:10", "us-east-1", lambda: KEYS)
    use(inner)
    assert store_of(f"{inner.location}/a.parquet") is inner
    assert store_of(f"{store.location}/other/a.parquet") is store
