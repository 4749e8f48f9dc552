"""The gate: what stops a publication, and what lets it through with a warning."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from small_lake import EVERY_KIND

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.audit.expected import contract_checks
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, ContractError, QueryError
from lagoa.publish import publish

PEOPLE = TableName.parse("bronze.people")
COUNT = "checks:\n  - row_count: {threshold: {must_be_greater_than: 0}}\n"


def refused(lake, context=None, branch: str = "dev"):
    """Publish a branch that must be refused; return what the audit that was kept says of each check that blocks."""
    before = lake.resolve(MAIN).id
    with pytest.raises(AuditFailed) as caught:
        publish(context or lake.context, branch)
    assert lake.resolve(MAIN).id == before
    assert lake.publications() == []
    kept = lake.audit_of(branch)
    assert (kept.state, kept.published_at, kept.report) == ("refused", None, caught.value.report)
    return {each.check: (each.outcome, each.message) for each in kept.report.blocking}


@pytest.fixture
def dev(lake, small):
    """A branch with two people, and the context that a test may change."""
    branch = lake.create_branch("dev")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    return branch


class Doubting(SodaAuditor):
    """Says of every check that it was not evaluated, as Soda does where it cannot reach a table."""

    def run(self, files, session, elsewhere=None):
        return [replace(each, outcome="not evaluated", figure=None) for each in super().run(files, session, elsewhere)]


class Forgetful(SodaAuditor):
    """Loses every result on the way."""

    def run(self, files, session, elsewhere=None):
        super().run(files, session, elsewhere)
        return []


class Failing(SodaAuditor):
    """Cannot run."""

    def run(self, *_):
        raise QueryError("The auditor is out of order.")


class Broken(SodaAuditor):
    """Has a bug."""

    def run(self, *_):
        raise ZeroDivisionError


AUDITORS = {
    "says so": (Doubting, ""),
    "is missing": (Forgetful, "returned no result"),
    "fails": (Failing, "out of order"),
}


@pytest.mark.parametrize(("auditor", "reason"), AUDITORS.values(), ids=AUDITORS)
def test_a_check_of_a_file_that_was_not_evaluated_blocks(dev, lake, small, auditor, reason):
    small.checks("bronze.people", COUNT)
    blocking = refused(lake, replace(lake.context, open_auditor=auditor))
    assert {check: outcome for check, (outcome, _) in blocking.items()} == {
        "bronze.people/soda/checks.row_count": "not evaluated"
    }
    assert reason in blocking["bronze.people/soda/checks.row_count"][1]


def test_a_bug_of_the_auditor_leaves_main_alone(dev, lake, small):
    small.checks("bronze.people", COUNT)
    with pytest.raises(ZeroDivisionError):
        publish(replace(lake.context, open_auditor=Broken), "dev")
    assert lake.publications() == []


BROKEN_FILES = {
    "a column that is not there": "columns: [{name: nick, checks: [{missing: }]}]",
    "a table that is not there": 'checks: [{metric: {query: "select 1 from bronze.nosuch", threshold: {must_be: 1}}}]',
    "SQL that breaks": 'checks: [{metric: {query: "select nick from bronze.people", threshold: {must_be: 1}}}]',
    "no value": 'checks: [{metric: {query: "select null::int from bronze.people", threshold: {must_be: 1}}}]',
    "no row": 'checks: [{metric: {query: "select id from bronze.people where false", threshold: {must_be: 1}}}]',
    "text for a figure": 'checks: [{metric: {query: "select name from bronze.people", threshold: {must_be: 1}}}]',
    "an unknown function": "columns: [{name: id, checks: [{aggregate: {function: nosuch, threshold: {must_be: 1}}}]}]",
}


@pytest.mark.parametrize("text", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_check_that_measures_nothing_blocks_and_takes_no_other_with_it(dev, lake, small, text):
    small.checks("bronze.people", text)
    ((check, (outcome, message)),) = refused(lake).items()
    assert check.startswith("bronze.people/soda/")
    assert outcome == "not evaluated"
    assert message.startswith("was not evaluated: ")


def test_a_check_of_a_contract_whose_sql_breaks_blocks(dev, lake, small):
    small.contract("bronze.people", {"id": "long", "nick": {"physicalType": "string", "unique": True}})
    with small.open() as again:
        assert refused(again)["bronze.people/unique/nick"][0] == "not evaluated"


def test_a_table_that_a_check_reads_and_that_is_not_there_blocks(lake, small):
    lake.create_branch("dev").append("bronze.pets", small.pets(1), batch="q1")
    assert refused(lake) == {
        "bronze.pets/foreign_key/owner": ("not evaluated", "was not evaluated: bronze.people does not exist")
    }


def test_a_table_without_contract_blocks(dev, lake, small):
    dev.catalog().create_table("bronze.stray", small.people(1).schema)
    ((check, (outcome, message)),) = refused(lake).items()
    assert (check, outcome) == ("bronze.stray/contract", "failed")
    assert message.startswith("bronze.stray has no contract")


def test_a_result_that_was_not_evaluated_is_never_used_again(dev, lake, small):
    small.checks("bronze.people", COUNT)
    refused(lake, replace(lake.context, open_auditor=Forgetful))
    assert dev.publish().report.passed


PLAIN = {"id": "long*", "name": "string"}
GOOD = {"id": [1, 2], "email": ["a@b.org"] * 2, "zip": ["12345"] * 2, "code": ["a", "b"], "kind": ["cat"] * 2}
GOOD |= {"weight": [1.0, 2.0], "owner": [1, 2]}
BAD = {"email": ["a"] * 2, "zip": ["1"] * 2, "code": ["long"] * 2, "kind": ["cow"] * 2, "weight": [-1.0, 2.0]}
BAD = {**GOOD, **BAD, "owner": [1, 9]}
PER_COLUMN = ["enum/kind", "foreign_key/owner", "format/email", "length/code", "pattern/zip", "range/weight"]
PER_COLUMN = [f"bronze.animals/{each}" for each in [*PER_COLUMN, "unique/code"]]


@pytest.mark.parametrize("severity", ["warn", "fail"])
def test_each_check_of_a_column_blocks_or_warns_as_the_contract_says(dev, small, severity):
    grave = {"lagoa.severity": severity}
    small.contract("bronze.animals", {name: {**column, **grave} for name, column in EVERY_KIND.items()})
    with small.open() as lake:
        made = {check.id: check.severity for check in contract_checks(lake.context.contracts[ANIMALS], frozenset())}
        assert {check for check, each in made.items() if each == "warn"} >= (
            set(PER_COLUMN) if severity == "warn" else set()
        )
        branch = lake.branch("dev")
        branch.append("bronze.animals", pa.table(GOOD), batch="a1")
        assert branch.audit().passed
        branch.replace("bronze.animals", pa.table(BAD))
        if severity == "fail":
            assert sorted(refused(lake)) == PER_COLUMN
            return
        publication = branch.publish()
        results = lake.audit_of(MAIN).report.results
        assert publication.report.results == results
        assert [(each.check, each.severity) for each in results if each.outcome == "warned"] == [
            (check, "warn") for check in PER_COLUMN
        ]


ANIMALS = TableName.parse("bronze.animals")
LEVELS = """
columns:
  - name: name
    checks:
      - missing: {threshold: {must_be: 9, level: LEVEL}}
checks:
  - row_count: {threshold: {must_be: 9, level: LEVEL}}
  - failed_rows: {expression: id > 0, threshold: {must_be: 9, level: LEVEL}}
"""


@pytest.mark.parametrize("level", ["warn", "fail"])
def test_each_check_of_a_file_blocks_or_warns_as_it_says(dev, lake, small, level):
    small.checks("bronze.people", LEVELS.replace("LEVEL", level))
    wanted = {f"bronze.people/soda/{each}" for each in ("checks.failed_rows", "checks.row_count")}
    wanted.add("bronze.people/soda/columns.name.checks.missing")
    if level == "fail":
        assert set(refused(lake)) == wanted
        return
    dev.publish()
    found = {each.check: each.severity for each in lake.audit_of(MAIN).report.results if each.outcome == "warned"}
    assert found == dict.fromkeys(wanted, "warn")


WHOLE = {
    "bronze.people/drift/age": "drift",
    "bronze.people/key/id": "key",
    "bronze.people/quarantine_share": "quarantine_share",
    "bronze.people/row_count": "row_count",
}


@pytest.mark.parametrize("severity", [{}, dict.fromkeys(WHOLE.values(), "warn"), {"key": "fail", "drift": "warn"}])
def test_each_check_of_a_whole_table_blocks_or_warns_as_the_contract_says(small, severity):
    columns = {**PLAIN, "age": "int"}
    limits = {"rowCountChange": 0.1, "drift": {"age": 0.1}, "quarantineShare": 0.1, "severity": severity}
    small.contract("bronze.people", columns, source={"format": "csv"}, **limits)
    with small.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(1, 2), batch="p1")
        branch.publish()
        file = small.root / "people.csv"
        file.write_text("id,name,age\n1,ana,900\nx,bob,7\n")
        branch.ingest(file, into="bronze.people")
        warned = {check for check, rule in WHOLE.items() if severity.get(rule) == "warn"}
        if warned == WHOLE.keys():
            found = branch.publish().report
        else:
            with pytest.raises(AuditFailed) as caught:
                branch.publish()
            found = caught.value.report
            assert {each.check for each in found.blocking} == WHOLE.keys() - warned
        assert {each.check for each in found.results if each.outcome == "warned"} == warned
        assert {each.check for each in found.results if each.severity == "warn"} == warned
        assert lake.audit_of("dev").report == found


@pytest.mark.parametrize("wrong", [{"keys": "warn"}, {"key": "warning"}, {"schema": "warn"}, "warn"])
def test_a_severity_that_means_nothing_is_refused(small, wrong):
    small.contract("bronze.people", PLAIN, severity=wrong)
    with small.open() as lake, pytest.raises(ContractError, match=r"people\.odcs\.yaml:\d+: .*customProperties"):
        lake.checks()


def test_who_answers_for_a_table_is_said(dev, lake, small):
    dev.append("bronze.people", small.people(1), batch="p2")
    with pytest.raises(AuditFailed, match=r"bronze\.people/key/id: 1 row .* \(owner: tests\)"):
        dev.publish()
    assert {each.owner for each in lake.audit_of("dev").report.results} == {"tests"}
