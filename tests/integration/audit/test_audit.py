"""Audits of a real lake: each check in which it fails, what is reused, and what is never taken for passed."""

from __future__ import annotations

import threading
from dataclasses import replace

import pyarrow as pa
import pytest

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.audit import audit, audit_tables, failing_rows
from lagoa.audit.expected import expected_checks
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, CheckError, ContractError, QueryError

PEOPLE = TableName.parse("bronze.people")
PETS = TableName.parse("bronze.pets")


def outcomes(report) -> dict[str, tuple[str, float | None]]:
    return {each.check: (each.outcome, each.figure) for each in report.results}


def result(report, check: str):
    return next(each for each in report.results if each.check == check)


@pytest.fixture
def dev(lake, small):
    """A branch with people 1 and 2 and a pet of each."""
    branch = lake.create_branch("dev")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    branch.append("bronze.pets", pa.concat_tables([small.pets(1, owner=1), small.pets(2, owner=2)]), batch="q1")
    return branch


def test_every_check_comes_back(dev, lake):
    report = dev.audit()
    assert outcomes(report) == {
        "bronze.people/key/id": ("passed", 0),
        "bronze.people/range/age": ("passed", 0),
        "bronze.people/required/id": ("passed", 0),
        "bronze.people/required/name": ("passed", 0),
        "bronze.people/schema": ("passed", 0),
        "bronze.pets/enum/kind": ("passed", 0),
        "bronze.pets/foreign_key/owner": ("passed", 0),
        "bronze.pets/key/id": ("passed", 0),
        "bronze.pets/required/id": ("passed", 0),
        "bronze.pets/required/kind": ("passed", 0),
        "bronze.pets/required/owner": ("passed", 0),
        "bronze.pets/schema": ("passed", 0),
    }
    assert report.passed
    assert (report.ref, report.commit, report.base) == ("dev", dev.head, lake.resolve("main").id)
    assert all(each.key and not each.reused for each in report.results)


FAILING = {
    "bronze.people/key/id": ("people", {"id": [1, 1], "name": ["a", "b"], "age": [1, 1]}, 1, 2),
    "bronze.people/range/age": ("people", {"id": [1], "name": ["a"], "age": [-1]}, 1, 1),
    "bronze.pets/enum/kind": ("pets", {"id": [1], "owner": [1], "kind": ["cow"]}, 1, 1),
    "bronze.pets/foreign_key/owner": ("pets", {"id": [1, 2], "owner": [1, 9], "kind": ["cat"] * 2}, 1, 1),
}


@pytest.mark.parametrize("check", FAILING)
def test_a_broken_row_fails_its_check_and_is_shown(dev, lake, check):
    table, columns, figure, shown = FAILING[check]
    dev.replace(f"bronze.{table}", pa.table(columns))
    report = dev.audit()
    assert outcomes(report)[check] == ("failed", figure)
    assert not report.passed
    assert failing_rows(lake.context, report, check).num_rows == shown
    assert failing_rows(lake.context, report, check, limit=1).num_rows == 1


def test_a_null_in_a_column_that_the_contract_came_to_require_fails(dev, small):
    dev.replace("bronze.people", small.people(1, 2, age=None))
    columns = {"id": "long*", "name": "string!", "age": "int!"}
    small.contract("bronze.people", columns)
    with small.open() as lake:
        report = lake.audit("dev")
        assert outcomes(report)["bronze.people/required/age"] == ("failed", 2)
        assert failing_rows(lake.context, report, "bronze.people/required/age").num_rows == 2


def test_a_schema_that_is_not_the_contracts_fails(dev, small):
    columns = "id:long age:long nick:string"
    small.contract("bronze.people", columns)
    with small.open() as lake:
        found = result(lake.audit("dev"), "bronze.people/schema")
    assert (found.outcome, found.figure) == ("failed", 3)
    assert "age is int, the contract says long" in found.message
    assert "nick is missing, the contract says string" in found.message
    assert "name is string, the contract says nothing about it" in found.message
    assert "(`lagoa contract diff bronze.people` says what to do)" in found.message


def test_a_check_of_a_column_that_is_not_there_takes_no_other_with_it(dev, small):
    columns = "id:long! nick:string!"
    small.contract("bronze.people", columns)
    with small.open() as lake:
        report = lake.audit("dev")
    assert outcomes(report)["bronze.people/required/nick"] == ("not evaluated", None)
    assert outcomes(report)["bronze.people/required/id"] == ("passed", 0)


def test_a_reference_to_a_table_that_is_not_there_is_not_evaluated(lake, small):
    branch = lake.create_branch("dev")
    branch.append("bronze.pets", small.pets(1), batch="q1")
    found = result(branch.audit(), "bronze.pets/foreign_key/owner")
    assert found.outcome == "not evaluated"
    assert "bronze.people does not exist" in found.message
    with pytest.raises(AuditFailed):
        branch.publish()


def test_a_table_without_contract_fails_by_name(dev, small):
    dev.catalog().create_table("bronze.stray", small.people(1).schema)
    found = result(dev.audit(), "bronze.stray/contract")
    assert (found.outcome, found.table) == ("failed", "bronze.stray")
    assert "iceberg/bronze/stray.odcs.yaml" in found.message


def test_a_warning_does_not_block(dev, small):
    columns = {
        "id": "long!",
        "name": "string!",
        "age": {
            "physicalType": "int",
            "logicalTypeOptions": {"minimum": 40},
            "lagoa.severity": "warn",
        },
    }
    small.contract("bronze.people", columns)
    with small.open() as lake:
        report = lake.audit("dev")
        assert outcomes(report)["bronze.people/range/age"] == ("warned", 2)
        assert report.passed
        lake.branch("dev").publish()


@pytest.fixture
def measured(small):
    """A lake whose main has ten people of the age 30, with limits on their number and mean age."""
    small.contract(
        "bronze.people",
        "id:long name:string age:int",
        rowCountChange=0.2,
        drift={"age": 0.1},
    )
    with small.open() as lake:
        branch = lake.create_branch("first")
        branch.append("bronze.people", small.people(*range(10)), batch="p1")
        report = branch.publish().report
        for check in ("bronze.people/row_count", "bronze.people/drift/age"):
            found = result(report, check)
            assert (found.outcome, found.figure) == ("passed", None)
            assert found.message.endswith("no baseline on main")
        yield lake


@pytest.mark.parametrize(("rows", "outcome"), [(12, "passed"), (13, "failed"), (8, "passed"), (7, "failed")])
def test_the_number_of_rows_may_change_so_much(measured, small, rows, outcome):
    branch = measured.create_branch("dev")
    branch.replace("bronze.people", small.people(*range(rows)))
    found = result(branch.audit(), "bronze.people/row_count")
    assert (found.outcome, found.figure) == (outcome, pytest.approx(abs(rows - 10) / 10))


@pytest.mark.parametrize(("age", "outcome"), [(33, "passed"), (34, "failed"), (26, "failed"), (None, "failed")])
def test_a_mean_may_drift_so_far(measured, small, age, outcome):
    branch = measured.create_branch("dev")
    branch.replace("bronze.people", small.people(*range(10), age=age))
    assert result(branch.audit(), "bronze.people/drift/age").outcome == outcome


def test_a_change_is_measured_against_the_base_that_is_asked_for(measured, small):
    branch = measured.create_branch("dev")
    branch.replace("bronze.people", small.people(*range(5)))
    context = measured.context
    assert result(audit(context, "dev"), "bronze.people/row_count").outcome == "failed"
    assert result(audit(context, "dev", base="dev"), "bronze.people/row_count").outcome == "passed"
    assert result(audit(context, "dev", base="main~1"), "bronze.people/row_count").figure is None


def test_the_share_of_quarantine_is_checked(small):
    columns = "id:long!"
    small.contract("bronze.people", columns, source={"format": "csv", "file": "people.csv"}, quarantineShare=0.3)
    small.file("good.csv", "id\n1\n2\n")
    small.file("bad.csv", "id\n3\nx\n4\n")
    with small.open() as lake:
        branch = lake.create_branch("dev")
        branch.ingest(small.root / "good.csv", into="bronze.people")
        assert outcomes(branch.audit())["bronze.people/quarantine_share"] == ("passed", 0)
        branch.ingest(small.root / "bad.csv", into="bronze.people")
        report = branch.audit()
        found = result(report, "bronze.people/quarantine_share")
        assert (found.outcome, found.figure) == ("failed", pytest.approx(1 / 3))
        assert found.message.startswith("33.33% ")
        assert failing_rows(lake.context, report, found.check).num_rows == 1
        # The quarantine's own contract is built in.
        assert outcomes(report)["quarantine.bronze__people/schema"] == ("passed", 0)


def test_what_was_not_touched_is_reused(dev, small, lake):
    first = dev.audit()
    assert not any(each.reused for each in first.results)
    again = dev.audit()
    assert all(each.reused for each in again.results)
    assert [replace(each, reused=False) for each in again.results] == list(first.results)

    dev.append("bronze.people", small.people(3), batch="p2")
    third = dev.audit()
    fresh = {each.check for each in third.results if not each.reused}
    people = {each.check for each in third.results if each.table == "bronze.people"}
    assert fresh == people | {"bronze.pets/foreign_key/owner"}


def test_a_publication_reuses_the_audit_of_the_branch(dev):
    dev.audit()
    assert all(each.reused for each in dev.publish().report.results)


def test_another_contract_is_another_result(dev, small):
    dev.audit()
    small.contract("bronze.people", "id:long", rowCountChange=0.2)
    with small.open() as lake:
        fresh = {each.table for each in lake.audit("dev").results if not each.reused}
    assert fresh == {"bronze.people"}


def test_another_baseline_is_another_result(measured, small):
    branch = measured.create_branch("dev")
    branch.replace("bronze.people", small.people(*range(11)))
    branch.audit()
    other = measured.create_branch("other")
    other.replace("bronze.people", small.people(*range(9)))
    other.publish()
    fresh = {each.check for each in branch.audit().results if not each.reused}
    assert fresh == {"bronze.people/row_count", "bronze.people/drift/age"}


def test_a_failed_result_is_reused_too(dev, small):
    dev.append("bronze.people", small.people(1), batch="p2")
    dev.audit()
    found = result(dev.audit(), "bronze.people/key/id")
    assert (found.outcome, found.reused) == ("failed", True)


def test_what_was_not_evaluated_is_tried_again(lake, small):
    branch = lake.create_branch("dev")
    branch.append("bronze.pets", small.pets(1), batch="q1")
    for _ in range(2):
        found = result(branch.audit(), "bronze.pets/foreign_key/owner")
        assert (found.outcome, found.reused) == ("not evaluated", False)


CHECKS = """
columns:
  - name: name
    checks:
      - missing:
checks:
  - metric: {query: select count(*) from bronze.pets, threshold: {must_be_less_than: 3}}
"""


def test_check_files_are_part_of_the_audit(dev, small):
    small.checks("bronze.people", CHECKS)
    report = dev.audit()
    assert outcomes(report)["bronze.people/soda/columns.name.checks.missing"] == ("passed", 0)
    assert outcomes(report)["bronze.people/soda/checks.metric"] == ("passed", 2)
    dev.append("bronze.pets", small.pets(3), batch="q2")
    report = dev.audit()
    assert outcomes(report)["bronze.people/soda/checks.metric"] == ("failed", 3)
    assert result(report, "bronze.people/soda/columns.name.checks.missing").reused
    with pytest.raises(AuditFailed, match="Metric"):
        dev.publish()


def test_another_text_of_a_check_is_another_result(dev, small):
    small.checks("bronze.people", CHECKS)
    dev.audit()
    small.checks("bronze.people", CHECKS.replace("3", "2"))
    fresh = {each.check: each.outcome for each in dev.audit().results if not each.reused}
    assert fresh == {"bronze.people/soda/checks.metric": "failed"}


@pytest.mark.parametrize(
    "query", ["select * from bronze.nosuch", "select nosuch from bronze.people", "select 'text' from bronze.people"]
)
def test_a_check_that_breaks_blocks(dev, small, query):
    small.checks("bronze.people", f'checks: [{{metric: {{query: "{query}", threshold: {{must_be: 1}}}}}}]')
    report = dev.audit()
    assert outcomes(report)["bronze.people/soda/checks.metric"][0] == "not evaluated"
    with pytest.raises(AuditFailed):
        dev.publish()


@pytest.mark.parametrize("query", ["select 1 from read_csv('/etc/passwd')", "drop table bronze.people"])
def test_a_check_may_only_select_from_tables_of_the_lake(dev, small, query):
    small.checks("bronze.people", f'checks:\n  - metric: {{query: "{query}", threshold: {{must_be: 1}}}}\n')
    with pytest.raises(CheckError, match=r"people\.yaml") as caught:
        dev.audit()
    assert "checks.metric" in str(caught.value)


def test_a_check_file_of_a_table_without_contract_is_an_error(dev, small):
    small.checks("bronze.poeple", "checks: [{row_count: }]")
    with pytest.raises(CheckError, match=r"bronze\.poeple"):
        dev.audit()


class Forgetful(SodaAuditor):
    """Loses its last result on the way, as a tool may do that only logs its errors."""

    def run(self, files, session, elsewhere=None):
        return super().run(files, session, elsewhere)[:-1]


def test_a_result_that_does_not_come_back_blocks(dev, small, lake):
    small.checks("bronze.people", CHECKS)
    context = replace(lake.context, open_auditor=Forgetful)
    report = audit(context, "dev")
    found = result(report, "bronze.people/soda/checks.metric")
    assert (found.outcome, found.message) == ("not evaluated", "was not evaluated: it returned no result")
    assert not report.passed


def test_a_contract_that_cannot_be_read_stops_the_audit(dev, small):
    small.file("iceberg/bronze/people.odcs.yaml", "schema: [")
    with small.open() as lake, pytest.raises(ContractError):
        lake.audit("dev")


def test_tables_can_be_audited_ahead_on_another_thread(dev, small, lake):
    small.checks("bronze.people", CHECKS)
    context = lake.context
    pointers = context.catalog.tables(dev.head)
    people = {PEOPLE: pointers[PEOPLE]}
    ahead = []
    thread = threading.Thread(target=lambda: ahead.extend(audit_tables(context, people, [PEOPLE], {})))
    thread.start()
    thread.join()
    assert {each.table for each in ahead} == {"bronze.people"}
    # The metric reads pets, which is not finished yet.
    assert "bronze.people/soda/checks.metric" not in {each.check for each in ahead}
    assert {each.check for each in audit_tables(context, pointers, [PETS], {})} >= {"bronze.pets/foreign_key/owner"}
    fresh = {each.check for each in dev.audit().results if not each.reused}
    assert fresh == {"bronze.people/soda/checks.metric"}


def test_the_checks_of_some_tables_can_be_asked_for(dev, lake):
    pointers = lake.context.catalog.tables(dev.head)
    some = expected_checks(lake.context, pointers, frozenset({PETS}))
    assert {str(check.table) for check in some} == {"bronze.pets"}


def test_checks_without_rows_to_show(dev, lake):
    report = dev.audit()
    assert failing_rows(lake.context, report, "bronze.people/schema") is None
    with pytest.raises(QueryError, match="nosuch"):
        failing_rows(lake.context, report, "nosuch")


def test_an_empty_lake_passes(lake):
    report = lake.audit("main")
    assert (report.results, report.passed) == ((), True)
