"""What an earlier result of a check is used for again: each thing that it rests on, changed in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from small_lake import EVERY_KIND

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.audit import audit

NOW = datetime(2031, 11, 20, 18, 10, tzinfo=UTC)
ANIMALS = {**EVERY_KIND, "seen": "timestamptz"}
LIMITS = {"rowCountChange": 9, "drift": {"weight": 9}, "source": {"format": "csv", "file": "animals.csv"}}
CHECKS = """
columns:
  - name: kind
    checks:
      - missing:
checks:
  - row_count: {threshold: {must_be_greater_than: 1}}
  - failed_rows: {qualifier: future, expression: seen > now() + interval 1 hour}
  - metric: {query: select count(*) from bronze.people, threshold: {must_be_greater_than: 0}}
  - freshness: {column: seen, threshold: {unit: day, must_be_less_than: 1}}
"""
COUNTED = "{must_be_greater_than: 1}"
OWN = {
    "schema", "required/id", "format/email", "pattern/zip", "length/code", "enum/kind", "range/weight", "key/id",
    "unique/code", "foreign_key/owner", "quarantine_share", "row_count", "drift/weight",
}  # fmt: skip
FILE = {"columns.kind.checks.missing", "checks.row_count", "checks.failed_rows.future", "checks.metric"}
SODA = {f"soda/{each}" for each in FILE | {"checks.freshness"}}
CLOCKED = {"soda/checks.failed_rows.future", "soda/checks.freshness"}
PEOPLE = {"schema", "required/id", "required/name", "key/id", "range/age"}


def of(table: str, checks: set[str]) -> set[str]:
    return {f"bronze.{table}/{each}" for each in checks}


def animals(count: int = 2) -> pa.Table:
    rows = {"id": range(count), "email": ["a@b.org"] * count, "zip": ["12345"] * count, "kind": ["cat"] * count}
    rows |= {"code": [str(each) for each in range(count)], "weight": [1.0] * count, "owner": [1] * count}
    return pa.table({**rows, "seen": pa.array([datetime.now(UTC)] * count, pa.timestamp("us", "UTC"))})


class Newer:
    """An engine that is the same in all but its version."""

    version = "duckdb 99"

    def __init__(self, engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str):
        return getattr(self._engine, name)


class NewerSoda(SodaAuditor):
    """Another version of Soda Core."""

    version = "soda-core 99"


@pytest.fixture(scope="module")
def published(shared):
    """The files of a lake with people and animals on main, whose branches are audited at one moment."""
    shared.contract("bronze.animals", ANIMALS, **LIMITS)
    shared.checks("bronze.animals", CHECKS)
    with shared.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", shared.people(1, 2), batch="p1")
        branch.append("bronze.animals", animals(), batch="a1")
        branch.publish()
    return shared


def fresh(lake, ref: str, **parts) -> set[str]:
    """Audit a ref; return the checks that were run."""
    context = replace(lake.context, **{"open_engine": lambda: lake.context.engine, "clock": lambda: NOW, **parts})
    return {each.check for each in audit(context, ref).results if not each.reused}


@pytest.fixture(scope="module")
def lake(published):
    """The lake, every check of whose main has a result; nothing that rests on the same things is run again."""
    with published.open() as opened:
        fresh(opened, "main")
        assert fresh(opened, "main") == set()
        yield opened


def test_each_kind_of_check_has_a_result(lake):
    found = {each.check for each in lake.audit("main").results if each.table == "bronze.animals"}
    assert found == of("animals", OWN | SODA)


def test_another_branch_at_the_same_state_is_no_change(lake):
    lake.create_branch("same")
    assert fresh(lake, "same") == set()


def test_the_rows_of_the_table(lake):
    lake.create_branch("rows").append("bronze.animals", animals(3).slice(2), batch="a2")
    assert fresh(lake, "rows") == of("animals", OWN | SODA)
    assert fresh(lake, "rows") == set()


def test_the_rows_of_a_table_that_a_check_reads(lake, published):
    lake.create_branch("read").append("bronze.people", published.people(3), batch="p2")
    assert fresh(lake, "read") == of("people", PEOPLE) | of("animals", {"foreign_key/owner", "soda/checks.metric"})


def test_refused_rows(lake, published):
    file = published.root / "animals.csv"
    file.write_text(f"{','.join(ANIMALS)}\nx\n")
    branch = lake.create_branch("refused")
    branch.ingest(file, into="bronze.animals")
    fresh(lake, "refused")
    branch.append("quarantine.bronze__animals", branch.sql("select * from quarantine.bronze__animals").arrow())
    report = audit(replace(lake.context, open_engine=lambda: lake.context.engine, clock=lambda: NOW), "refused")
    quarantine = {each.check for each in report.results if each.table == "quarantine.bronze__animals"}
    assert "quarantine.bronze__animals/required/rule" in quarantine
    assert {each.check for each in report.results if not each.reused} == quarantine | of(
        "animals", {"quarantine_share"}
    )


def test_the_text_of_a_check(lake, published):
    published.checks("bronze.animals", CHECKS.replace(COUNTED, "{must_be: 2}"))
    assert fresh(lake, "main") == of("animals", {"soda/checks.row_count"})
    published.checks("bronze.animals", CHECKS.replace(COUNTED, "{level: warn, must_be: 2}"))
    assert fresh(lake, "main") == of("animals", {"soda/checks.row_count"})
    published.checks("bronze.animals", f"filter: id >= 0\n{CHECKS}")
    assert fresh(lake, "main") == of("animals", SODA)
    published.checks("bronze.animals", CHECKS)
    assert fresh(lake, "main") == set()


def test_the_contract(published, lake):
    published.contract("bronze.animals", ANIMALS, **{**LIMITS, "rowCountChange": 8})
    with published.open() as again:
        assert fresh(again, "main") == of("animals", OWN | SODA)
        assert fresh(again, "main") == set()
    published.contract("bronze.animals", ANIMALS, **LIMITS)


def test_checks_that_are_not_due_find_their_tables_all_the_same(lake, caplog):
    run = fresh(lake, "main", clock=lambda: NOW + timedelta(days=9))
    assert run == of("animals", CLOCKED)
    assert caplog.records == []


CLOCKS = {
    "of the same hour": (timedelta(minutes=49), set()),
    "of the next hour": (timedelta(minutes=50), {"soda/checks.failed_rows.future"}),
    "of the next day": (timedelta(hours=6), CLOCKED),
    "that went back": (timedelta(days=-1), CLOCKED),
}


@pytest.mark.parametrize(("later", "run"), CLOCKS.values(), ids=CLOCKS)
def test_a_clock(lake, later, run):
    assert fresh(lake, "main", clock=lambda: NOW + later) == of("animals", run)
    assert fresh(lake, "main") == set()


def test_what_runs_the_checks(lake):
    assert fresh(lake, "main", open_auditor=NewerSoda) == of("animals", SODA)
    everything = of("animals", OWN | SODA) | of("people", PEOPLE)
    assert fresh(lake, "main", open_engine=lambda: Newer(lake.context.engine)) == everything


def test_what_it_is_compared_with_on_main(small):
    small.contract("bronze.animals", ANIMALS, **LIMITS)
    small.checks("bronze.animals", CHECKS)
    with small.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", small.people(1), batch="p1")
        branch.append("bronze.animals", animals(), batch="a1")
        branch.publish()
        lake.create_branch("dev").append("bronze.animals", animals(3).slice(2), batch="a2")
        fresh(lake, "dev")
        other = lake.create_branch("other")
        other.append("bronze.people", small.people(2), batch="p2")
        other.publish()
        assert fresh(lake, "dev") == set()
        other.append("bronze.animals", animals(4).slice(3), batch="a3")
        other.publish()
        assert fresh(lake, "dev") == of("animals", {"row_count", "drift/weight"})
