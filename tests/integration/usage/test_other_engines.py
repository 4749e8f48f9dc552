"""Queries that Trino and Spark ran, in the log: their tables and columns, and no value."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest

from lagoa.bootstrap import sql_without_values
from lagoa.domain.tables import TableName
from lagoa.stack.servers.trino.queries import Collector
from lagoa.usage.columns import ColumnUse, table_use
from lagoa.usage.log import FOLDER, logged_queries
from lagoa.usage.other_engines import log_own_query, query_of_trino

SALES, PEOPLE = TableName.parse("silver.sales"), TableName.parse("silver.people")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
VALUE = "Joao4711"

SAID = {
    "queryId": "20261130_221500_00001_abcde",
    "state": "FINISHED",
    "session": {"user": "ana", "catalog": "lake", "schema": "silver"},
    "query": f"SELECT state, count(*) FROM sales WHERE name = '{VALUE}' AND sold >= DATE '2026-01-01' GROUP BY 1",
    "inputs": [
        {
            "catalogName": "lake",
            "schema": "silver",
            "table": "sales",
            "connectorInfo": {
                "snapshotId": 7136125493211250047,
                "partitionFields": [],
                "tableDefaultFileFormat": "PARQUET",
            },
        }
    ],
    "queryStats": {"endTime": "2026-11-30T22:15:02.123Z", "physicalInputDataSize": "1234B"},
}
"""What Trino 476 says of a query, as far as it is read."""


@pytest.fixture
def lake(folder):
    folder.contract(str(SALES), {"id": "long*", "name": "string", "sold": "date", "state": "string"})
    folder.contract(str(PEOPLE), {"id": "long*", "name": "string"})
    with folder.open() as lake:
        yield lake


def said(**changes):
    return {**copy.deepcopy(SAID), **changes}


def of_trino(sql, **changes):
    return query_of_trino(said(query=sql, **changes), sql_without_values())


def test_a_query_of_an_analyst_is_what_the_log_has_of_one(lake):
    found = query_of_trino(SAID, sql_without_values())
    assert (found.ref, found.engine, found.bytes) == ("main", "trino", 1234)
    assert found.at == datetime(2026, 11, 30, 22, 15, 2, 123000, tzinfo=UTC)
    assert found.tables == {SALES: 7136125493211250047}
    use = table_use([found], SALES, lake.context.contracts)
    assert use.columns == {"name": ColumnUse(equal=1), "sold": ColumnUse(ranges=1), "state": ColumnUse(grouped=1)}
    assert (use.not_followed, use.engines, use.bytes) == (0, Counter(trino=1), 1234)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT * FROM sales WHERE name IN ('{VALUE}', U&'\\4711') OR name LIKE '%{VALUE}' -- {VALUE}",
        f"WITH t AS (SELECT * FROM silver.sales WHERE id = 4711) SELECT /* {VALUE} */ * FROM t WHERE name = '{VALUE}'",
        "SELECT * FROM sales FOR VERSION AS OF 4711 WHERE id = 4711 OR id = -4711 OR id = 4711.4711 OR id = 4711e0",
        f"SELECT json_extract(name, '$.{VALUE}'), X'4711', INTERVAL '4711' DAY FROM sales LIMIT 4711",
        f"SELECT json_extract_scalar(name, '$.{VALUE}@4711') FROM sales",
        f"SELECT * FROM sales WHERE id = {' + '.join(['4711'] * 3000)} OR name = '{VALUE}'",
        f"SELECT * FROM sales TABLESAMPLE BERNOULLI (47.11) WHERE regexp_like(name, '{VALUE}') OFFSET 4711 LIMIT 4711",
        f"CREATE TABLE sandbox_ana.own.t AS SELECT * FROM lake.silver.sales WHERE name = '{VALUE}'",
        f"EXECUTE p USING 4711, '{VALUE}'",
        f"EXPLAIN ANALYZE SELECT * FROM sales WHERE name = '{VALUE}'",
        f"SELECT * FROM sales MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS name = '{VALUE}')",
        f"no SQL '{VALUE} 4711",
    ],
)
def test_no_value_of_it_is_kept_nor_written_anywhere(sql, caplog, capfd):
    found = of_trino(sql)
    assert found.tables == {SALES: 7136125493211250047}, "it was read, whatever its SQL is"
    told = capfd.readouterr()
    for text in (found.sql, caplog.text, told.out, told.err):
        assert VALUE not in text
        assert "4711" not in text


def test_tables_are_found_whatever_they_are_called_by(lake):
    inputs = [*SAID["inputs"], {**SAID["inputs"][0], "table": "people", "connectorInfo": None}]
    sql = """WITH people AS (SELECT id FROM lake_pinned.silver.people WHERE name = 'x')
             SELECT s.id FROM sales AS s JOIN people ON s.id = people.id WHERE s.id = ?"""
    found = of_trino("EXECUTE p USING 5", preparedQuery=sql, inputs=inputs)
    assert found.tables == {SALES: 7136125493211250047, PEOPLE: None}
    sales, people = (table_use([found], table, lake.context.contracts).columns for table in (SALES, PEOPLE))
    assert sales == {"id": ColumnUse(equal=1, joined=1)}
    assert people["name"] == ColumnUse(equal=1)


def test_a_query_whose_values_are_sent_apart_is_read():
    found = of_trino("EXECUTE IMMEDIATE 'SELECT id FROM silver.sales WHERE name = ''x'' AND id < ?' USING 4711")
    assert "silver.sales WHERE" in found.sql
    assert "4711" not in found.sql
    assert "'x'" not in found.sql


@pytest.mark.parametrize("catalog", ["system", "model_x_1", "tpch"])
def test_what_is_no_table_of_the_lake_or_is_logged_otherwise_is_left_out(catalog):
    assert of_trino("SELECT 1", inputs=[{**SAID["inputs"][0], "catalogName": catalog}]) is None
    assert of_trino("SELECT 1", inputs=[]) is None
    assert of_trino("SELECT 1", inputs=[{**SAID["inputs"][0], "schema": "information_schema"}]) is None


def test_a_sandbox_is_its_branch():
    assert of_trino("SELECT 1", inputs=[{**SAID["inputs"][0], "catalogName": "sandbox_ana"}]).ref == "sandbox/ana"


def test_queries_of_models_and_checks_are_logged_with_the_tables_that_they_name(lake):
    tables = {SALES: "pointer", PEOPLE: "other"}
    ask = (lake.settings, sql_without_values())
    log_own_query(*ask, "spark", "SELECT `state` FROM silver.sales WHERE `name` RLIKE 'x4711'", tables, None)
    log_own_query(*ask, "trino", 'SELECT "state" FROM "silver"."sales" WHERE "id" = 4711', tables, 99)
    log_own_query(*ask, "trino", "SELECT 4711", tables, 0)
    log_own_query(*ask, "spark", "what SQLGlot does not know 4711", tables, None)
    found = list(logged_queries(lake.settings, LONG_AGO))
    assert [(each.engine, set(each.tables), each.bytes) for each in found] == [
        ("spark", {SALES}, None),
        ("trino", {SALES}, 99),
        ("spark", {SALES, PEOPLE}, None),
    ]
    use = table_use(found, SALES, lake.context.contracts)
    assert use.columns == {"id": ColumnUse(equal=1)}
    assert (use.queries, use.not_followed, use.engines) == (3, 1, Counter(spark=2, trino=1))
    (file,) = (lake.settings.state_folder / FOLDER).iterdir()
    assert "4711" not in file.read_text("utf-8")


class Trino:
    """What Trino says of its queries, over HTTP."""

    def __init__(self):
        self.queries = {}

    def ran(self, number, at, state="FINISHED", user="ana", **changes):
        session = {**SAID["session"], "user": user}
        stats = {**SAID["queryStats"], "endTime": at}
        self.queries[f"q{number}"] = said(
            queryId=f"q{number}", state=state, session=session, queryStats=stats, **changes
        )

    def client(self):
        return httpx.Client(base_url="https://trino", transport=httpx.MockTransport(self._answer))

    def _answer(self, request):
        if request.url.path == "/v1/query":
            listed = ({key: each[key] for key in ("queryId", "state", "session")} for each in self.queries.values())
            return httpx.Response(200, json=list(listed))
        query = self.queries.get(request.url.path.rpartition("/")[2])
        return httpx.Response(410) if query is None or query["state"] == "GONE" else httpx.Response(200, json=query)


def test_each_query_is_collected_once_also_by_a_process_that_is_started_again(lake):
    trino = Trino()
    now = datetime.now(UTC).replace(microsecond=0)
    minutes = [now.replace(second=second).isoformat().replace("+00:00", "Z") for second in range(5)]
    collector = Collector(trino.client(), lake.settings, sql_without_values())
    trino.ran(2, minutes[1])
    trino.ran(1, minutes[0], inputs=[])
    trino.ran(3, minutes[0], user="_lagoa")
    trino.ran(4, minutes[0], state="RUNNING")
    trino.ran(5, minutes[0], state="FAILED")
    assert collector.collect() == 2
    assert collector.collect() == 0
    trino.ran(4, minutes[2])
    assert collector.collect() == 1
    again = Collector(trino.client(), lake.settings, sql_without_values())
    trino.ran(6, minutes[3])
    trino.ran(7, "no time")
    with pytest.raises(ValueError, match="no time"):
        again.collect()
    assert again.collect() == 0, "the others are in the log, and it is not asked for again"
    found = [each.at.second for each in logged_queries(lake.settings, LONG_AGO)]
    assert found == [0, 1, 2, 3]
    assert VALUE not in json.dumps([each.sql for each in logged_queries(lake.settings, LONG_AGO)])
