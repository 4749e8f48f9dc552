"""Audits: every check that must hold at a commit, run or taken from an earlier run that rests on the same things."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lagoa.audit.check_run import CheckRun, not_evaluated
from lagoa.audit.checks import file_checks, result_key, uncontracted
from lagoa.audit.contract_checks import contract_checks
from lagoa.audit.records import keep_audit
from lagoa.domain.checks import AuditReport
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError, InvalidName, TableNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from lagoa.audit.checks import Check
    from lagoa.context import LakeContext
    from lagoa.domain.checks import CheckFile, CheckResult
    from lagoa.domain.ports.catalog import Pointers


def audit(context: LakeContext, ref: str, *, base: str = MAIN) -> AuditReport:
    """Run every check at a ref; drift is measured against `base`. The report is kept, to be shown again.

    Returns:
        One result a check, in the order of their ids. A check that was not evaluated says so and blocks. Results of
        earlier audits that rest on the same text, tables, contract and baseline are used again and marked so.

    Raises:
        RefNotFound: no such ref.
        CheckError: a check file that cannot be run.
        ContractError: a contract that cannot be used.
        NotAllowed: the role may not read the quarantine, which is a part of what is checked.
    """
    context.refuse_unseen()
    commit = context.resolve(ref).id
    report = audit_commit(context, ref, commit, context.resolve(base).id)
    keep_audit(context, report)
    return report


def audit_commit(context: LakeContext, ref: str, commit: str, base: str, *, gating: bool = True) -> AuditReport:
    """Run every check at an exact commit against an exact commit of main; `ref` is what the report is called by."""
    started, clock = context.clock(), time.perf_counter()
    pointers = context.catalog.tables(commit)
    checks = expected_checks(context, pointers)
    results = run_checks(context, checks, pointers, context.catalog.tables(base))
    seconds = time.perf_counter() - clock
    return AuditReport(ref, commit, base, tuple(results), started, seconds, gating)


def audit_tables(
    context: LakeContext, pointers: Pointers, tables: Iterable[TableName], base: Pointers
) -> list[CheckResult]:
    """Run the checks of some tables before the audit, which then finds their results.

    Meant for a thread of its own beside the writing. Checks that read a table which is not in `pointers` yet are left
    to the audit.

    Args:
        context: the lake.
        pointers: every table that is finished, quarantine included.
        tables: the ones to check now.
        base: main's pointers.
    """
    wanted = frozenset(tables)
    checks = [check for check in expected_checks(context, pointers, wanted) if check.reads <= pointers.keys()]
    return run_checks(context, checks, pointers, base, workers=1)


def expected_checks(
    context: LakeContext, pointers: Pointers, tables: frozenset[TableName] | None = None
) -> list[Check]:
    """Return every check that must come back for a state, by id; for some tables only when `tables` is given.

    Raises:
        CheckError: a check file that cannot be run.
    """
    present = frozenset(pointers)
    if tables is None:
        _refuse_strays(context)
    checks: list[Check] = []
    for table in sorted(present if tables is None else present & tables):
        contract = context.contracts.get(table)
        if contract is None:
            checks.append(uncontracted(table))
            continue
        checks += contract_checks(contract, present)
        file = _check_file(context, table)
        if file is not None:
            checks += file_checks(file, context.engine)
    return sorted(checks, key=lambda check: check.id)


def run_checks(
    context: LakeContext, checks: Sequence[Check], pointers: Pointers, base: Pointers, *, workers: int | None = None
) -> list[CheckResult]:
    """Return one result a check, in their order: an earlier one where all it rests on is the same.

    Tables are checked side by side on `workers` threads, by default `settings.workers`.
    """
    now = context.clock()
    keys = {
        check.id: result_key(check, pointers, base, _contract_hash(context, check.table), now, _runner(context, check))
        for check in checks
    }
    earlier = context.receipts.results(list(keys.values()))
    due = [check for check in checks if keys[check.id] not in earlier]
    found = CheckRun(context, pointers, base).run(due, workers or context.settings.workers)
    fresh = {check.id: _attributed(context, check, _or_missing(found, check), key=keys[check.id]) for check in due}
    context.receipts.remember([each for each in fresh.values() if each.outcome != "not evaluated"])
    return [
        fresh.get(check.id) or _attributed(context, check, earlier[keys[check.id]], reused=True) for check in checks
    ]


def failing_rows(context: LakeContext, report: AuditReport, check: str, limit: int = 20) -> pa.Table | None:
    """Return rows that a check of a report is about, at the report's commit; None when the check has no rows to show.

    Raises:
        QueryError: there is no such check in the report, or its query fails.
    """
    result = report.result(check)
    if result.samples_sql is None:
        return None
    tables = context.engine.tables_read(result.samples_sql)
    pointers = context.catalog.tables(report.commit)
    for table in tables:
        if table not in pointers:
            raise TableNotFound(table, report.ref)
    with context.engine.session({table: pointers[table] for table in tables}) as session:
        return session.query(f"SELECT * FROM ({result.samples_sql}) LIMIT {int(limit)}").arrow()  # noqa: S608


def _check_file(context: LakeContext, table: TableName) -> CheckFile | None:
    path = context.settings.checks_folder / table.layer / f"{table.name}.yaml"
    return context.auditor.read(table, path) if path.is_file() else None


def _refuse_strays(context: LakeContext) -> None:
    """Refuse check files that no table reads, such as one with a misspelt name: their checks would never run."""
    folder = context.settings.checks_folder
    for path in sorted(folder.glob("**/*.y*ml")):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        try:
            known = TableName.parse(name) in context.contracts and path.suffix == ".yaml"
        except InvalidName:
            known = False
        if not known:
            advice = "Check files are soda/<layer>/<table>.yaml."
            raise CheckError(path, None, f"there is no contract of a table {name}.", advice)


def _runner(context: LakeContext, check: Check) -> str:
    """Return what runs a check: a new version of it may judge otherwise."""
    return f"{context.engine.version}, {context.auditor.version}" if check.file else context.engine.version


def _contract_hash(context: LakeContext, table: TableName) -> str:
    contract = context.contracts.get(table)
    return contract.hash if contract else ""


def _attributed(context: LakeContext, check: Check, result: CheckResult, **fields: Any) -> CheckResult:
    """Return a result with how grave it is, who answers for its table and what is asked."""
    contract = context.contracts.get(check.table)
    owner = contract.owner if contract else ""
    return replace(result, severity=check.severity, owner=owner, definition=check.definition, **fields)


def _or_missing(found: Mapping[str, CheckResult], check: Check) -> CheckResult:
    return found.get(check.id) or not_evaluated(check, "its result did not come back")
