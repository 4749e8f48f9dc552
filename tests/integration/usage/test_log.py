"""The log of queries: what is kept of them, and that no value is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from lagoa.errors import QueryError
from lagoa.usage.log import FOLDER, logged_queries

SALES = "bronze.sales"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

VALUE = "Joao4711"
QUERIES = [
    f"SELECT id FROM bronze.sales WHERE name = '{VALUE}'",
    f"SELECT id FROM bronze.sales WHERE name LIKE '{VALUE}%' OR name SIMILAR TO '{VALUE}'",
    f"SELECT id FROM bronze.sales WHERE name IN ('a', $${VALUE}$$, e'{VALUE}')",
    f"WITH a AS (SELECT * FROM bronze.sales WHERE name > '{VALUE}') SELECT max(id) FROM a WHERE id IN (SELECT 4711)",
    f"SELECT CASE WHEN id = 4711 THEN '{VALUE}' END AS who FROM bronze.sales ORDER BY name = '{VALUE}' LIMIT 4711",
    f"SELECT list_contains(['{VALUE}'], name), {{'a': '{VALUE}'}}, MAP {{'a': '{VALUE}'}} FROM bronze.sales",
    "SELECT id FROM bronze.sales WHERE id = 4711.4711 OR id = 47114711471147114711 OR id = 4711e10 OR id = -4711",
    "SELECT id FROM bronze.sales WHERE sold > DATE '4711-04-11' - INTERVAL 4711 DAY",
    f"SELECT id FROM bronze.sales JOIN (VALUES ('{VALUE}')) AS v(name) USING (name)",
    f"SELECT sum(id) FILTER (name = '{VALUE}') OVER (ORDER BY id ROWS 4711 PRECEDING) FROM bronze.sales",
    f"SELECT id FROM bronze.sales WHERE name = '{VALUE}'::VARCHAR UNION ALL SELECT 4711",
    f"SELECT string_agg(name, '{VALUE}' ORDER BY id) FROM bronze.sales USING SAMPLE 47 PERCENT (bernoulli, 4711)",
    f"SELECT * REPLACE ('{VALUE}' AS name) FROM bronze.sales QUALIFY row_number() OVER (ORDER BY id) = 4711",
    f"SELECT * FROM bronze.sales PIVOT (count(*) FOR name IN ('{VALUE}'))",
]


@pytest.fixture
def lake(folder):
    folder.contract(SALES, {"id": "long*", "name": "string", "sold": "date"})
    with folder.open() as lake:
        with lake.run("first") as run:
            rows = {"id": pa.array([1], pa.int64()), "name": pa.array(["a"]), "sold": pa.array([None], pa.date32())}
            run.append(SALES, pa.table(rows))
            run.publish()
        yield lake


def logged(lake):
    return list(logged_queries(lake.settings, LONG_AGO))


def test_a_query_is_logged_with_its_tables_and_ref(lake):
    before = datetime.now(UTC)
    lake.sql("SELECT count(*) FROM bronze.sales WHERE id > 5")
    (found,) = logged(lake)
    assert (found.ref, found.tables) == ("main", lake.context.pointers("main"))
    assert before <= found.at <= datetime.now(UTC)
    assert "id > 0" in found.sql


@pytest.mark.parametrize("query", QUERIES)
def test_no_value_is_logged(lake, query):
    lake.sql(query)
    (file,) = (lake.settings.state_folder / FOLDER).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text("utf-8"))["sql"]
    assert "bronze.sales" in kept
    assert VALUE not in kept
    assert "4711" not in kept


def test_what_is_logged_is_sql_of_the_same_form(lake):
    lake.sql("SELECT name, sum(id) AS n FROM bronze.sales WHERE sold >= DATE '2026-01-01' AND id IN (7) GROUP BY name")
    (found,) = logged(lake)
    again = lake.sql(found.sql.replace("'?'", "'2026-01-01'"))
    assert again.columns == ("name", "n")


def test_what_reads_no_table_or_is_refused_is_not_logged(lake):
    assert lake.sql("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(QueryError):
        lake.sql("SELECT nothing FROM bronze.sales")
    assert logged(lake) == []


def test_days_that_are_not_kept_go_and_damaged_lines_are_left_out(folder, lake):
    folder.settings(query_log_days=30)
    place = lake.settings.state_folder / FOLDER
    place.mkdir()
    today = datetime.now(UTC).date()
    for days in (31, 30, 1):
        day = today - timedelta(days=days)
        line = {"at": f"{day}T12:00:00+00:00", "ref": "main", "tables": {SALES: "pointer"}, "sql": "SELECT 1"}
        (place / f"{day}.jsonl").write_text(f'{json.dumps(line)}\n{{"at": "half', "utf-8")
    with folder.open() as again:
        again.sql("SELECT id FROM bronze.sales")
        assert [(today - query.at.date()).days for query in logged(again)] == [30, 1, 0]
        assert len(list(logged_queries(again.settings, datetime.now(UTC) - timedelta(days=2)))) == 2


def test_none_is_kept_if_the_setting_says_so(folder, lake):
    folder.settings(query_log_days=0)
    with folder.open() as again:
        again.sql("SELECT id FROM bronze.sales")
        assert logged(again) == []


def test_a_query_runs_though_its_log_cannot_be_written(lake):
    (lake.settings.state_folder / FOLDER).write_text("in the way", "utf-8")
    assert lake.sql("SELECT sum(id)::DECIMAL(9, 1) FROM bronze.sales").fetchall() == [(Decimal("1.0"),)]
