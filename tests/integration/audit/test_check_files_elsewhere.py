"""Check files with another engine: its answers are used if they are exact; one that is away fails the audit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from lakes import LakeFolder

from lagoa.errors import EngineUnavailable
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


def test_an_engine_that_is_away_fails_the_audit_and_no_check(audit):
    with pytest.raises(EngineUnavailable, match="does not answer"):
        audit(EngineUnavailable("Spark", "does not answer"))
