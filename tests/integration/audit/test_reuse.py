"""What an earlier result of a check is used for again: each thing that it rests on, changed in turn."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from small_lake import EVERY_KIND, SmallLake

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.audit import audit
from lagoa.audit.check_files import check_files
from lagoa.errors import AuditFailed

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
def made(shared):
    """The files of a lake with people and animals on main, whose branches are audited at one moment."""
    shared.contract("bronze.animals", ANIMALS, **LIMITS)
    shared.checks("bronze.animals", CHECKS)
    with shared.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", shared.people(1, 2), batch="p1")
        branch.append("bronze.animals", animals(), batch="a1")
        branch.publish()
    return shared


@pytest.fixture(scope="module", params=[True, False], ids=["in a process", "in a new process"])
def published(request, made, tmp_path_factory):
    """The same, where audits know what the one before in the process found, or as the first of one the receipts."""
    folder = SmallLake(tmp_path_factory.mktemp("published") / "lake")
    folder.take(made)
    Remembered.by_process = request.param
    return folder


class Remembered:
    """How audits know what was found before."""

    by_process = False


def fresh(lake, ref: str, **parts) -> set[str]:
    """Audit a ref; return the checks that were run."""
    context = replace(lake.context, **{"open_engine": lambda: lake.context.engine, "clock": lambda: NOW, **parts})
    if Remembered.by_process:
        object.__setattr__(context, "cache", lake.context.cache)
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


def without_results(folder) -> None:
    """Remove the results of single checks: what is used again is then of a receipt."""
    with closing(sqlite3.connect(folder.root / ".lagoa" / "receipts.db")) as db, db:
        db.execute("delete from results")


def test_the_receipt_of_main_says_what_is_known_of_tables_that_did_not_change(small):
    small.checks("bronze.people", "checks: [{row_count: {threshold: {must_be_greater_than: 0}}}]")
    with small.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(1), batch="p1")
        branch.append("bronze.pets", small.pets(1), batch="q1")
        first = branch.publish().report
    without_results(small)
    with small.open() as lake:
        branch = lake.branch("dev")
        assert all(each.reused for each in branch.audit().results)
        branch.append("bronze.pets", small.pets(2), batch="q2")
        report = branch.publish().report
        pets = {each.check for each in report.results if each.table == "bronze.pets"}
        assert {each.check for each in report.results if not each.reused} == pets
        assert [each.check for each in report.results] == [each.check for each in first.results]
        assert lake.audit_of("main").report == report
    without_results(small)
    small.checks("bronze.people", "checks: [{row_count: {threshold: {must_be_greater_than: 1}}}]")
    with small.open() as lake:
        branch = lake.branch("dev")
        branch.append("bronze.pets", small.pets(3), batch="q3")
        with pytest.raises(AuditFailed, match="soda") as caught:
            branch.publish()
        assert {each.table for each in caught.value.report.results if not each.reused} == {
            "bronze.people",
            "bronze.pets",
        }
        assert lake.audit_of("dev").state == "refused"


def test_where_roles_sign_in_nobody_uses_the_results_of_a_receipt_in_a_file(tmp_path, published):
    path = published.root / ".lagoa" / "receipts.db"
    with published.open() as lake:
        head = lake.context.catalog.ref("main").commit
        assert lake.context.receipts.audited(head) == lake.context.receipts.of_commit(head) is not None
    store = SqliteReceipts(path, "engineer:")
    assert (store.audited(head), store.of_commit(head) is None) == (None, False)
    store.close()


def test_a_check_file_is_read_again_when_it_may_have_changed(small):
    """A file that is replaced by another of the same size, at the same moment, is another one all the same."""
    path = small.checks("bronze.people", "checks: [{row_count: {threshold: {must_be_greater_than: 0}}}]")
    with small.open() as lake:
        lake.create_branch("dev").append("bronze.people", small.people(1), batch="p1")
        first = check_files(lake.context)
        assert check_files(lake.context).contents == first.contents
        before = path.stat()
        path.write_text(path.read_text().replace("0", "7"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert check_files(lake.context).contents != first.contents
        later = replace(first, read_at=first.read_at + 10**12, stamps=check_files(lake.context).stamps)
        lake.context.cache.keep(("check files",), later)
        assert check_files(lake.context) is later
        small.checks("bronze.people", "")
        assert check_files(lake.context).contents != later.contents
