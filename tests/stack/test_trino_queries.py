"""Queries of people on Trino, in the lake's log: what they read, without values, and what follows from it."""

from __future__ import annotations

import ssl
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from lakes import LakeFolder

from lagoa.bootstrap import sql_without_values
from lagoa.catalog.table_facts import table_document
from lagoa.domain.ports.sql_catalogs import PASSWORD
from lagoa.domain.tables import TableName
from lagoa.settings import load_settings
from lagoa.stack.servers.trino.catalogs import ADMIN
from lagoa.stack.servers.trino.queries import Collector
from lagoa.usage.columns import ColumnUse, table_use
from lagoa.usage.log import FOLDER, logged_queries
from tests.stack.test_stack import wait_until
from tests.stack.trino_lake import analysts, lake_on, refusal

pytestmark = pytest.mark.timeout(300)

CUSTOMERS, SALES = TableName.parse("gold.customers"), TableName.parse("gold.sales")


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here:
        yield here


@pytest.fixture(scope="module")
def reader(stack):
    with analysts(stack) as make:
        yield make("reader")


@pytest.fixture
def lake(stack):
    with LakeFolder(stack._root).open() as lake:
        yield lake


@pytest.fixture
def collector(stack, lake, tmp_path):
    """Return a collector of a log of its own: the stack's writes the lake's."""
    settings = lake.settings.model_copy(update={"root": tmp_path})
    settings.state_folder.mkdir()
    manifest = stack.manifest["trino"]
    sign_in = (ADMIN, stack._credentials()[PASSWORD].get_secret_value())
    trusted = ssl.create_default_context(cafile=stack.environment()["LAGOA_TRINO_CA"])
    where = {"base_url": f"https://{manifest.address}", "verify": trusted}
    with httpx.Client(auth=sign_in, trust_env=False, timeout=30, **where) as client:
        yield Collector(client, settings, sql_without_values()), settings


def test_what_an_analyst_asks_is_logged_with_the_state_and_the_bytes_and_no_value(reader, lake, collector):
    collect, settings = collector
    began = datetime.now(UTC)
    reader.rows("SELECT sum(weight) FROM gold.customers WHERE id IN (1, 4711) AND spent > 47.11 -- 4711")
    reader.rows("SELECT spent FROM customers WHERE id < 4711 GROUP BY 1", schema="gold")
    with closing(reader.connect(schema="gold")) as connection:
        connection.cursor().execute("SELECT amount FROM sales WHERE amount < ?", (Decimal("4711.5"),)).fetchall()
    reader.rows("SHOW TABLES FROM gold")
    assert refusal(reader, "SELECT nothing FROM gold.customers WHERE id = 4711") == "COLUMN_NOT_FOUND"
    collect.collect()
    found = [each for each in logged_queries(settings, began) if each.at >= began]
    snapshot = {
        table: table_document(lake.context.pointers("main")[table], lake.context.storage.read)["current-snapshot-id"]
        for table in (CUSTOMERS, SALES)
    }
    assert [dict(each.tables) for each in found] == [
        {table: snapshot[table]} for table in (CUSTOMERS, CUSTOMERS, SALES)
    ]
    assert {(each.ref, each.engine) for each in found} == {("main", "trino")}
    assert all(each.bytes > 0 for each in found)
    text = "".join(each.read_text("utf-8") for each in (settings.state_folder / FOLDER).iterdir())
    assert "4711" not in text
    assert "gold.sales WHERE" in text, "a prepared statement is followed, too"
    assert collect.collect() == 0


def test_the_stack_itself_logs_it_beside_the_lake_that_it_is_of(reader, signed, lake):
    began = datetime.now(UTC)
    reader.rows("SELECT spent FROM gold.customers WHERE weight < 4711 AND id = 1")
    settings = load_settings(signed._root)

    def logged():
        found = [each for each in logged_queries(settings, began) if each.engine == "trino"]
        return table_use(found, CUSTOMERS, lake.context.contracts).columns.get("weight") == ColumnUse(ranges=1)

    wait_until(logged, 100)  # its process asks each minute
    for file in (settings.state_folder / FOLDER).iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert "4711" not in file.read_text("utf-8")


def test_what_an_analyst_sees_of_others_is_nothing_as_before(reader, stack):
    with analysts(stack) as make:
        other = make("reader")
        other.rows("SELECT count(*) FROM gold.customers WHERE id = 815")
        seen = reader.get("/v1/query").json()
        assert not [each for each in seen if "815" in each["query"]]
