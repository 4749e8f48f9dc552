"""Each kind of check has on the stack's Spark and Trino the result that it has on DuckDB, passed or failed."""

from __future__ import annotations

import uuid

import pytest

import lagoa
from lagoa.errors import EngineUnavailable
from lagoa.settings import load_settings
from tests.engines.checks import BAD, GOOD, fill, same, write
from tests.stack.test_sign_in import Servers

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore:unclosed .*socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SMALL = {"engine_limit_gb": 1e-9}
"""So that tables of a few rows are large."""


@pytest.fixture(scope="module")
def folder(signed, tmp_path_factory):
    """Return the folder of a lake on the stack whose branch GOOD passes all checks, and BAD fails them."""
    servers = Servers(signed)
    servers.empty()
    folder = fill(
        tmp_path_factory.mktemp("lake"),
        catalog="nessie",
        warehouse=f"s3://lagoa/warehouse/{uuid.uuid4().hex}",
        sign_in="oidc",
        nessie_url=servers.nessie,
        s3_endpoint=servers.s3,
        oidc_url=servers.oidc,
    )
    (folder.root / ".lagoa").mkdir()
    (folder.root / ".lagoa/stack").symlink_to(servers.folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in servers.environment:  # those of the other stack go before the settings
            patch.delenv(name, raising=False)
        with folder.open() as lake:
            write(lake, folder)
        yield folder


@pytest.mark.parametrize("engine", ["spark", "trino"])
def test_checks_have_the_results_of_duckdb(folder, signed, engine):
    settings = load_settings(folder.root)
    with folder.open() as lake, lagoa.open_lake(settings.model_copy(update={"engine": engine, **SMALL})) as other:
        assert same(engine, lake, other, GOOD, GOOD)
        assert same(engine, lake, other, BAD, GOOD)
    assert [name for name in Servers(signed).references() if "/scratch/" in name] == []


def test_an_engine_that_is_away_fails_the_audit_not_a_check(folder):
    away = {"engine": "spark", "spark_master": "spark://127.0.0.1:1", **SMALL}
    with lagoa.open_lake(load_settings(folder.root).model_copy(update=away)) as lake:
        lake.create_branch("other", GOOD).append("silver.owners", "SELECT 3 AS id")
        with pytest.raises(EngineUnavailable, match=r"Spark at spark://127\.0\.0\.1:1 does not answer"):
            lake.audit("other")
