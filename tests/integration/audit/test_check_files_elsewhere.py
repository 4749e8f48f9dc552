"""Check files with another engine: its answers are used if they are exact; one that is away fails the audit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from lakes import LakeFolder

from lagoa.audit.rehearsal import place_of
from lagoa.domain.tables import TableName
from lagoa.errors import EngineTooOld, EngineUnavailable
from lagoa.lake import Lake

CHECKS = """
checks:
  - row_count: {threshold: {must_be: 3}}
  - metric: {qualifier: most, query: select max(id) from silver.counted, threshold: {must_be: 3}}
"""


class Engine:
    """Another engine that gives the same answer to everything."""

    name, workers = "spark", None

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    @contextmanager
    def reading(self, _tables):
        yield self._run

    def _run(self, query):
        self.asked.append(query)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self):
        pass


@pytest.fixture
def audit(tmp_path):
    """Return a function that audits with an engine that gives an answer; it returns it and the figures of the file."""
    folder = LakeFolder(tmp_path / "counted")
    folder.contract("silver.counted", "id:long name:string")
    folder.file("soda/silver/counted.yaml", CHECKS)
    with folder.open() as lake:
        lake.create_branch("dev").append("silver.counted", "SELECT i AS id, 'x' AS name FROM range(1, 4) t(i)")

        def audited(answer, limit=1e-9):
            engine = Engine(answer)
            settings = lake.settings.model_copy(update={"engine": "spark", "engine_limit_gb": limit})
            other = Lake(replace(lake.context, settings=settings, open_model_engine=lambda: engine))
            report = other.audit("dev")
            return engine, {each.check: each.figure for each in report.results if "/soda/" in each.check}

        yield audited


ROWS, MOST = "silver.counted/soda/checks.row_count", "silver.counted/soda/checks.metric.most"


@pytest.mark.parametrize("value", [7, Decimal("7.00")])
def test_whole_and_decimal_numbers_of_the_engine_are_the_figures(audit, value):
    engine, figures = audit([(value,)])
    assert figures[ROWS] == 7
    assert any("max(" in query.lower() for query in engine.asked)


@pytest.mark.parametrize("answer", [[(7.0,)], [("7",)], [], [(7, 1.5)]])
def test_anything_else_is_measured_by_duckdb(audit, answer):
    engine, figures = audit(answer)
    assert figures == {ROWS: 3, MOST: 3}
    assert engine.asked


def test_small_tables_are_not_asked_for(audit):
    engine, figures = audit([(7,)], limit=1)
    assert (engine.asked, figures) == ([], {ROWS: 3, MOST: 3})


@pytest.mark.parametrize(
    "error", [EngineUnavailable("Spark", "does not answer"), EngineTooOld("Spark", "sc://there:1", "3.5.8", "4.1")]
)
def test_an_engine_that_is_away_or_too_old_fails_the_audit_and_no_check(audit, error):
    with pytest.raises(type(error), match="Spark"):
        audit(error)


PLACES = {
    "row_count: {threshold: {must_be: 3}}": (0, ()),
    "failed_rows: {expression: id > 3}": (0, ()),
    "metric: {query: select avg(id) from silver.counted, threshold: {must_be: 2}}": (
        1, ("avg(id) is DOUBLE, no whole or decimal number",)
    ),
    "metric: {qualifier: middle, query: select median(id)::int from silver.counted, threshold: {must_be: 2}}": (
        1, ("MEDIAN(counted.id) is not known to give the same rows",)
    ),
    "failed_rows: {qualifier: late, query: select h.id from silver.hours h join silver.counted c on h.id = c.id}": (
        1, ("Spark does not read silver.hours, which has a column of type time",)
    ),
}  # fmt: skip
"""Checks, each in a file of its own: how many of its queries DuckDB answers, and why."""


@pytest.fixture
def placed(tmp_path):
    """Return a function that says where a check file runs, given its text."""
    folder = LakeFolder(tmp_path / "placed")
    folder.contract("silver.counted", "id:long name:string")
    folder.contract("silver.hours", "id:long at:time")

    def place(checks, engine="spark"):
        path = folder.file("soda/silver/counted.yaml", f"checks:\n{checks}\n")
        with folder.open() as lake:
            file = lake.context.auditor.read(TableName.parse("silver.counted"), path)
            return place_of(lake.context, file, engine, lake.context.contracts)

    return place


@pytest.mark.parametrize("check", PLACES)
def test_where_a_check_file_runs_is_known_without_rows(placed, check):
    found = placed(f"  - {check}")
    assert (found.stay, found.reasons) == PLACES[check]
    assert found.shown == ("spark and duckdb" if found.stay else "spark")  # Soda always counts the rows


def test_a_check_that_stays_keeps_no_other_query_of_its_file(placed):
    checks = "\n".join(f"  - {check}" for check in PLACES)
    found = placed(checks)
    assert (found.shown, len(found.reasons), found.queries > found.stay) == ("spark and duckdb", 3, True)
    assert [reason for reason in found.reasons if reason not in placed(checks, "trino").reasons] == [
        "Spark does not read silver.hours, which has a column of type time"
    ]


def test_a_plan_says_where_check_files_run_by_the_size_of_their_tables(tmp_path):
    folder = LakeFolder(tmp_path / "planned")
    folder.contract("bronze.numbers", "id:long*")
    folder.contract("silver.counted", "id:long*", materialization="full")
    folder.file("transformations/silver/counted.sql", "select id from bronze.numbers")
    folder.file("soda/silver/counted.yaml", f"{CHECKS}  - metric: {{query: select avg(n.id) from silver.counted c "
                "join bronze.numbers n on n.id = c.id, threshold: {must_be: 2}}\n")  # fmt: skip
    with folder.open() as lake:
        lake.create_branch("dev").append("bronze.numbers", "SELECT i AS id FROM range(1, 4) t(i)")

        def planned(**settings):
            changed = lake.settings.model_copy(update=settings)
            engine = Engine([(3,)])
            other = Lake(replace(lake.context, settings=changed, open_model_engine=lambda: engine))
            return other.plan(ref="dev").check_files

        assert planned() == ()
        (small,) = planned(engine="spark", engine_limit_gb=1)
        assert (str(small.table), small.engine, small.reasons) == ("silver.counted", "duckdb", ("no more than 1 GB",))
        assert small.input_bytes > 100
        (large,) = planned(engine="trino", engine_limit_gb=1e-9)
        assert (large.engine, large.reasons) == (
            "trino and duckdb",
            ("avg(n.id) is DOUBLE, no whole or decimal number",),
        )
        (automatic,) = planned(engine="auto", engine_limit_gb=1e-9)
        assert automatic.engine == "spark and duckdb"
