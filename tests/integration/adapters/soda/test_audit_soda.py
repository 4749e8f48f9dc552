"""Check files, run by Soda Core in a session of DuckDB."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from textwrap import dedent
from types import SimpleNamespace

import duckdb
import pytest

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError

ORDERS = TableName.parse("silver.orders")


@pytest.fixture
def session():
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("create schema silver")
    connection.execute(
        "create table silver.orders as select i as id, i % 7 as kind, now() - interval 5 hour as seen,"
        " case when i % 5 = 0 then null else 'a' end as name from range(1000) t(i)"
    )
    yield SimpleNamespace(connection=connection)
    connection.close()


@pytest.fixture
def check(tmp_path, session):
    def run(text: str):
        path = tmp_path / "orders.yaml"
        path.write_text(dedent(text))
        auditor = SodaAuditor()
        return auditor.run([auditor.read(ORDERS, path)], session)

    return run


def test_each_type_of_check_passes_and_fails(check):
    results = check("""
        columns:
          - name: id
            checks:
              - duplicate:
              - missing:
          - name: name
            checks:
              - missing:
              - missing:
                  qualifier: share
                  threshold: {metric: percent, must_be_less_than: 21}
          - name: kind
            checks:
              - invalid: {valid_values: [0, 1, 2, 3, 4, 5, 6]}
              - invalid: {qualifier: few, valid_max: 5}
              - aggregate: {function: max, threshold: {must_be: 6}}
              - aggregate: {qualifier: low, function: max, threshold: {must_be_less_than: 6}}
        checks:
          - row_count: {threshold: {must_be: 1000}}
          - row_count: {qualifier: more, threshold: {must_be_greater_than: 1000}}
          - failed_rows: {expression: kind > 6}
          - failed_rows: {qualifier: two, expression: kind = 2}
          - failed_rows: {qualifier: query, query: select * from silver.orders where kind = 3}
          - metric: {query: select sum(kind) from silver.orders, threshold: {must_be: 2997}}
          - metric: {qualifier: wrong, query: select sum(kind) from silver.orders, threshold: {must_be: 1}}
          - freshness: {column: seen, threshold: {unit: hour, must_be_less_than: 24}}
          - freshness: {qualifier: stale, column: seen, threshold: {unit: hour, must_be_less_than: 2}}
        """)
    assert {each.check.removeprefix("silver.orders/soda/"): (each.outcome, each.figure) for each in results} == {
        "columns.id.checks.duplicate": ("passed", 0),
        "columns.id.checks.missing": ("passed", 0),
        "columns.name.checks.missing": ("failed", 200),
        "columns.name.checks.missing.share": ("passed", 20),
        "columns.kind.checks.invalid": ("passed", 0),
        "columns.kind.checks.invalid.few": ("failed", 142),
        "columns.kind.checks.aggregate": ("passed", 6),
        "columns.kind.checks.aggregate.low": ("failed", 6),
        "checks.row_count": ("passed", 1000),
        "checks.row_count.more": ("failed", 1000),
        "checks.failed_rows": ("passed", 0),
        "checks.failed_rows.two": ("failed", 143),
        "checks.failed_rows.query": ("failed", 143),
        "checks.metric": ("passed", 2997),
        "checks.metric.wrong": ("failed", 2997),
        "checks.freshness": ("passed", pytest.approx(5, abs=0.1)),
        "checks.freshness.stale": ("failed", pytest.approx(5, abs=0.1)),
    }
    by_id = {each.check.removeprefix("silver.orders/soda/"): each for each in results}
    assert by_id["columns.name.checks.missing.share"].threshold == "< 21 %"
    assert by_id["checks.row_count.more"].message == "Row count meets expected threshold: 1000, wanted > 1000"
    assert by_id["checks.freshness"].threshold == "< 24 hour"


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("query: select 1 from silver.orders limit 2", "the query gives more than one row"),
        ("query: select id from silver.orders where false", ""),
        ("query: 'select count(*), 5 from silver.orders'", "the query gives 2 columns"),
        ("expression: id * 0 + 1", ""),
    ],
)
def test_a_metric_is_one_value(check, metric, why):
    (result,) = check(f"""
        checks:
          - metric: {{{metric}, threshold: {{must_be: 1}}}}
    """)
    assert result.outcome == "not evaluated"
    assert why in result.message


@pytest.mark.parametrize(
    ("interval", "threshold", "outcome"),
    [
        ("100 year", "must_be_less_than: 24", "failed"),
        ("1 hour", "must_be_less_than: 24", "failed"),
        ("1 hour", "level: warn, must_be_less_than: 24", "warned"),
        ("1 minute", "must_be_less_than: 24", "passed"),
        ("1 hour", "must_be_between: {greater_than: -2, less_than: 24}", "passed"),
    ],
)
def test_a_time_in_the_future_is_not_fresh(check, session, interval, threshold, outcome):
    session.connection.execute(f"update silver.orders set seen = now() + interval {interval} where id = 1")
    (result,) = check(f"""
        checks:
          - freshness: {{column: seen, threshold: {{unit: hour, {threshold}}}}}
    """)
    assert result.outcome == outcome
    assert ("is in the future" in result.message) is (outcome != "passed")


def test_failing_rows_have_a_query(check, session):
    results = check("""
        columns:
          - name: name
            checks:
              - missing: {filter: id < 100}
        checks:
          - failed_rows: {expression: kind = 2}
          - failed_rows: {qualifier: query, query: select * from silver.orders where kind = 3}
          - row_count:
        """)
    rows = [
        len(session.connection.execute(each.samples_sql).fetchall()) if each.samples_sql else None for each in results
    ]
    assert rows == [20, 143, 143, None]


def test_a_check_of_level_warn_warns(check):
    (result,) = check("""
        columns:
          - name: name
            checks:
              - missing: {threshold: {level: warn, must_be: 0}}
        """)
    assert result.outcome == "warned"


def test_the_second_threshold_warns(check):
    (result,) = check("""
        checks:
          - failed_rows:
              expression: kind = 2
              threshold: {must_be_less_than: 500, additional: {level: warn, must_be_less_than: 5}}
        """)
    assert (result.outcome, result.threshold) == ("warned", "< 5")


def test_a_check_whose_query_breaks_is_not_evaluated_and_says_why(check):
    results = check("""
        checks:
          - failed_rows: {query: select * from silver.nosuch}
          - row_count:
        """)
    assert [each.outcome for each in results] == ["not evaluated", "passed"]
    assert "nosuch" in results[0].message


def test_checks_of_a_column_that_is_not_there_are_not_evaluated(check):
    (result,) = check("columns: [{name: nope, checks: [{missing: }]}]")
    assert result.outcome == "not evaluated"
    assert "nope" in result.message


def test_checks_of_a_table_that_is_not_there_are_not_evaluated(tmp_path, session):
    path = tmp_path / "x.yaml"
    path.write_text("checks: [{row_count: }]")
    auditor = SodaAuditor()
    (result,) = auditor.run([auditor.read(TableName.parse("silver.x"), path)], session)
    assert result.outcome == "not evaluated"


def test_a_value_that_soda_does_not_take_is_not_evaluated(check):
    (result,) = check("columns: [{name: kind, checks: [{aggregate: {function: nosuch, threshold: {must_be: 3}}}]}]")
    assert result.outcome == "not evaluated"


def test_what_a_check_reads_is_declared(tmp_path):
    path = tmp_path / "orders.yaml"
    path.write_text(
        dedent("""
        filter: id > 5
        columns:
          - name: kind
            checks:
              - invalid: {valid_reference_data: {dataset: lake/silver/kinds, column: id}}
        checks:
          - metric: {query: select 1 from gold.kpi where day < today(), threshold: {must_be: 1}}
          - freshness: {column: seen, threshold: {unit: day, must_be: 1}}
          - freshness: {qualifier: fine, column: seen, threshold: {unit: second, level: warn, must_be: 1}}
        """)
    )
    invalid, metric, freshness, fine = SodaAuditor().read(ORDERS, path).checks
    assert invalid.tables == (TableName.parse("silver.kinds"),)
    assert invalid.queries == ('SELECT id > 5 FROM "silver"."orders"',)
    assert metric.queries[0] == "select 1 from gold.kpi where day < today()"
    assert (invalid.clock, metric.clock, freshness.clock, fine.clock) == (None, "hour", "day", "minute")
    assert (invalid.severity, fine.severity) == ("fail", "warn")


@pytest.mark.parametrize(
    ("condition", "clock"),
    [
        ("seen < now()", "hour"),
        ("seen < CURRENT_TIMESTAMP", "hour"),
        ("seen < localtimestamp", "hour"),
        ("age (seen) > interval 1 day", "hour"),
        ("seen < current_localtime()", "hour"),
        ("age > 3 and known_today", None),
    ],
)
def test_sql_that_asks_for_the_time_depends_on_the_clock(tmp_path, condition, clock):
    path = tmp_path / "orders.yaml"
    path.write_text(f"checks: [{{failed_rows: {{expression: '{condition}'}}}}]")
    assert SodaAuditor().read(ORDERS, path).checks[0].clock == clock


BAD_FILES = {
    "no YAML": ("checks: ]\n", 1, "not valid YAML"),
    "empty": ("", None, "no checks"),
    "unknown key": ("colums: []\n", 1, "'colums'"),
    "its own dataset": (
        "dataset: a/b/c\nchecks: [{row_count: }]\n",
        1,
        "Lagoa writes itself. Fix the file: remove this line",
    ),
    "unknown type": ("checks:\n  - row_cout:\n", 2, "'row_cout'"),
    "misspelt threshold": ("checks:\n  - row_count:\n      treshold: {must_be: 3}\n", 3, "'treshold'"),
    "misspelt level": ("checks:\n  - row_count:\n      threshold: {lvl: warn}\n", 3, "'lvl'"),
    "unknown level": ("checks:\n  - row_count:\n      threshold: {level: warning}\n", 3, "'warning'"),
    "level of another kind": ("checks:\n  - row_count:\n      threshold: {level: [warn]}\n", 3, "level"),
    "unknown unit": ("checks:\n  - freshness: {column: a, threshold: {unit: week}}\n", 2, "'week'"),
    "unit of another kind": ("checks:\n  - freshness: {column: a, threshold: {unit: [day]}}\n", 2, "unit"),
    "same check twice": ("checks:\n  - row_count:\n  - row_count:\n", None, "twice"),
    "same key twice": ("checks: [{row_count: }]\nchecks: []\n", 2, "twice"),
    "text for a check": ("checks:\n  - row_count\n", 2, "key: value"),
    "text for checks": ("checks: row_count\n", 1, "list"),
    "column without name": ("columns:\n  - checks: [{missing: }]\n", 2, "no name"),
    "no text": ("checks:\n  - row_count: {qualifier: off}\n", 2, "text"),
    "variable": ("checks:\n  - row_count: {threshold: {must_be: '${var.N}'}}\n", 2, "variable"),
}


@pytest.mark.parametrize(("text", "line", "part"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_soda_would_half_read_is_refused(tmp_path, text, line, part):
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    with pytest.raises(CheckError, match=part) as caught:
        SodaAuditor().read(ORDERS, path)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckError):
        SodaAuditor().read(ORDERS, tmp_path / "orders.yaml")


def test_threads_take_turns(tmp_path):
    path = tmp_path / "orders.yaml"
    path.write_text("checks: [{row_count: {threshold: {must_be: 3}}}]")
    auditor = SodaAuditor()
    file = auditor.read(ORDERS, path)
    outcomes = []

    def run() -> None:
        with duckdb.connect() as connection:
            connection.execute("create schema silver; create table silver.orders as from range(3)")
            outcomes.extend(each.outcome for each in auditor.run([file], SimpleNamespace(connection=connection)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["passed"] * 3


def test_nothing_is_logged(check, capfd, caplog):
    caplog.set_level(logging.INFO)
    check("checks: [{row_count: }]")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_no_telemetry_is_set_up(tmp_path):
    program = """
        import duckdb
        from pathlib import Path
        from types import SimpleNamespace
        from lagoa.adapters.soda.auditor import SodaAuditor
        from lagoa.domain.tables import TableName
        connection = duckdb.connect()
        connection.execute("create schema silver; create table silver.orders as from range(3)")
        Path("orders.yaml").write_text("checks: [{row_count: }]")
        auditor = SodaAuditor()
        file = auditor.read(TableName.parse("silver.orders"), Path("orders.yaml"))
        assert [each.outcome for each in auditor.run([file], SimpleNamespace(connection=connection))] == ["passed"]
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.trace import get_tracer_provider
        assert not isinstance(get_tracer_provider(), TracerProvider)
        """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SODA")}
    subprocess.run([sys.executable, "-c", dedent(program)], cwd=tmp_path, env=environment, check=True, timeout=60)
