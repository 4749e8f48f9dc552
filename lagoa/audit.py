"""Audits: every check that must hold at a commit, run or taken from an earlier run that rests on the same things."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.checks import Check, contract_checks, file_checks, quoted, result_key, uncontracted
from lagoa.errors import LagoaError, QueryError, TableNotFound
from lagoa.model import MAIN, AuditReport, CheckResult, Ref, TableName
from lagoa.table_facts import plain_type, table_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.model import CheckFile, Outcome
    from lagoa.ports import Pointers, SqlSession


def audit(context: LakeContext, ref: str, *, base: str = MAIN) -> AuditReport:
    """Run every check at a ref; drift is measured against `base`.

    Returns:
        One result a check, in the order of their ids. A check that was not evaluated says so and blocks. Results of
        earlier audits that rest on the same text, tables, contract and baseline are used again and marked so.

    Raises:
        RefNotFound: no such ref.
        CheckError: a check file that cannot be run.
        ContractError: a contract that cannot be used.
    """
    commit = context.catalog.resolve(Ref.parse(ref)).id
    return audit_commit(context, ref, commit, context.catalog.resolve(Ref.parse(base)).id)


def audit_commit(context: LakeContext, ref: str, commit: str, base: str, *, gating: bool = True) -> AuditReport:
    """Run every check at an exact commit against an exact commit of main; `ref` is what the report is called by."""
    started, clock = datetime.now(UTC), time.perf_counter()
    pointers = context.catalog.tables(commit)
    checks = expected_checks(context, pointers)
    results = run_checks(context, checks, pointers, context.catalog.tables(base))
    seconds = time.perf_counter() - clock
    return AuditReport(ref, commit, base, tuple(results), started, seconds, gating)


def audit_tables(
    context: LakeContext, pointers: Pointers, tables: Iterable[TableName], base: Pointers
) -> list[CheckResult]:
    """Run the checks of some tables ahead of the audit, which then finds their results.

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
    return run_checks(context, checks, pointers, base)


def expected_checks(
    context: LakeContext, pointers: Pointers, tables: frozenset[TableName] | None = None
) -> list[Check]:
    """Return every check that must come back for a state, by id; for some tables only when `tables` is given.

    Raises:
        CheckError: a check file that cannot be run.
    """
    present = frozenset(pointers)
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


def run_checks(context: LakeContext, checks: Sequence[Check], pointers: Pointers, base: Pointers) -> list[CheckResult]:
    """Return one result a check, in their order: an earlier one where all it rests on is the same."""
    now = datetime.now(UTC)
    keys = {check.id: result_key(check, pointers, base, _contract_hash(context, check.table), now) for check in checks}
    earlier = context.receipts.results(list(keys.values()))
    due = [check for check in checks if keys[check.id] not in earlier]
    found = _Runner(context, pointers, base).run(due)
    fresh = {check.id: replace(_or_missing(found, check), key=keys[check.id]) for check in due}
    context.receipts.remember([each for each in fresh.values() if each.outcome != "not evaluated"])
    return [fresh[check.id] if check.id in fresh else replace(earlier[keys[check.id]], reused=True) for check in checks]


def failing_rows(context: LakeContext, report: AuditReport, check: str, limit: int = 20) -> pa.Table | None:
    """Return rows that a check of a report is about, at the report's commit; None when the check has no rows to show.

    Raises:
        QueryError: there is no such check in the report, or its query fails.
    """
    result = next((each for each in report.results if each.check == check), None)
    if result is None:
        raise QueryError(f"There is no check {check!r} in this audit.", "`lagoa audit` lists them.")
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


def _contract_hash(context: LakeContext, table: TableName) -> str:
    contract = context.contracts.get(table)
    return contract.hash if contract else ""


def _or_missing(found: Mapping[str, CheckResult], check: Check) -> CheckResult:
    return found.get(check.id) or _unknown(check, "its result did not come back")


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs checks at one state."""

    context: LakeContext
    pointers: Pointers
    base: Pointers

    def run(self, checks: Sequence[Check]) -> dict[str, CheckResult]:
        """Return the results that came back, by check."""
        results: dict[str, CheckResult] = {}
        runnable = []
        for check in checks:
            absent = sorted(table for table in check.reads if table not in self.pointers)
            if check.how == "contract":
                results[check.id] = _judged(check, 1, f"{check.table} {check.reason}")
            elif absent:
                results[check.id] = _unknown(check, f"{', '.join(map(str, absent))} is not there")
            elif check.how == "schema":
                results[check.id] = self._schema(check)
            else:
                runnable.append(check)
        if runnable:
            reads = frozenset[TableName]().union(*(check.reads for check in runnable))
            with self.context.engine.session({table: self.pointers[table] for table in reads}) as session:
                results.update(self._queried(runnable, session))
        return results

    def _queried(self, checks: Sequence[Check], session: SqlSession) -> dict[str, CheckResult]:
        results: dict[str, CheckResult] = {}
        scans: dict[TableName, list[Check]] = defaultdict(list)
        files: dict[TableName, CheckFile] = {}
        for check in checks:
            if check.file is not None:
                files[check.table] = check.file
            elif check.how == "query":
                figures, seconds = _measure(session, check.sql)
                results[check.id] = _number(check, figures[0], seconds)
            else:
                scans[check.table].append(check)
        for table, group in scans.items():
            results.update(self._scan(table, group, session))
        if files:
            # Soda runs a file as a whole: those of its checks that were not due are dropped again.
            due = {check.id for check in checks}
            ran = self.context.auditor.run(list(files.values()), session)
            results.update((each.check, each) for each in ran if each.check in due)
        return results

    def _scan(self, table: TableName, checks: Sequence[Check], session: SqlSession) -> dict[str, CheckResult]:
        figures, seconds = _aggregates(session, table, [check.sql for check in checks])
        changes = [check for check in checks if check.how == "change"]
        before = self._baseline(table, changes)
        share = seconds / len(checks)
        return {
            check.id: _change(check, figure, before[check.id], share)
            if check.how == "change"
            else _number(check, figure, share)
            for check, figure in zip(checks, figures, strict=True)
        }

    def _baseline(self, table: TableName, checks: Sequence[Check]) -> dict[str, _Figure]:
        before: dict[str, _Figure] = {check.id: None for check in checks}
        if table in self.base:
            columns = table_facts(self.base[table]).columns if checks else {}
            comparable = [check for check in checks if check.column is None or check.column in columns]
            if comparable:
                with self.context.engine.session({table: self.base[table]}) as session:
                    figures, _ = _aggregates(session, table, [check.sql for check in comparable])
                before.update((check.id, figure) for check, figure in zip(comparable, figures, strict=True))
        return before

    def _schema(self, check: Check) -> CheckResult:
        contract = self.context.contracts[check.table]
        found = table_facts(self.pointers[check.table]).columns
        wanted = {column.name: plain_type(column.type) for column in contract.all_columns}
        wrong = [
            f"{name} is {found.get(name, 'missing')}, the contract says {wanted.get(name, 'nothing of it')}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ]
        return _judged(check, len(wrong), "; ".join(wrong) or "the columns are the contract's")


_Figure = float | str | None
"""What was measured: a number, None for a null, or the text of the error that came instead."""


def _measure(session: SqlSession, sql: str) -> tuple[list[_Figure], float]:
    started = time.perf_counter()
    try:
        row = session.query(sql).fetchall()[0]
    except LagoaError as error:
        return [error.message], time.perf_counter() - started
    return [None if value is None else float(value) for value in row], time.perf_counter() - started


def _aggregates(session: SqlSession, table: TableName, aggregates: Sequence[str]) -> tuple[list[_Figure], float]:
    """Measure aggregates in one scan; one by one where that fails, so that one does not take the others with it."""
    figures, seconds = _measure(session, f"SELECT {', '.join(aggregates)} FROM {quoted(table)}")  # noqa: S608
    if not isinstance(figures[0], str):
        return figures, seconds
    each = [_measure(session, f"SELECT {aggregate} FROM {quoted(table)}") for aggregate in aggregates]  # noqa: S608
    return [figures[0] for figures, _ in each], seconds + sum(spent for _, spent in each)


def _number(check: Check, figure: _Figure, seconds: float) -> CheckResult:
    if figure is None or isinstance(figure, str):
        return _unknown(check, figure or "the query gave no value")
    shown = f"{figure:.2%}" if check.threshold.endswith("%") else f"{figure:,.0f}"
    return replace(_judged(check, figure, f"{shown} {check.reason}"), seconds=seconds)


def _change(check: Check, figure: _Figure, before: _Figure, seconds: float) -> CheckResult:
    if isinstance(figure, str):
        return _unknown(check, figure)
    if isinstance(before, str):
        return _unknown(check, f"on main: {before}")
    if before is None:
        return replace(_judged(check, 0, f"{check.reason}: no baseline on main"), figure=None, seconds=seconds)
    now = figure or 0.0  # the mean of no rows is none
    jump = abs(now - before) / abs(before) if before else (math.inf if now else 0.0)
    message = f"{check.reason} went from {before:,.6g} to {now:,.6g}, by {jump:.1%}"
    return replace(_judged(check, jump, message), seconds=seconds)


def _judged(check: Check, figure: float, message: str) -> CheckResult:
    broken: Outcome = "warned" if check.severity == "warn" else "failed"
    outcome = "passed" if figure <= check.limit else broken
    return _result(check, outcome, float(figure), message)


def _unknown(check: Check, reason: str) -> CheckResult:
    return _result(check, "not evaluated", None, f"was not evaluated: {reason}")


def _result(check: Check, outcome: Outcome, figure: float | None, message: str) -> CheckResult:
    return CheckResult(
        check=check.id,
        table=str(check.table),
        outcome=outcome,
        figure=figure,
        threshold=check.threshold,
        message=message,
        seconds=0.0,
        key="",
        samples_sql=check.samples_sql,
    )
