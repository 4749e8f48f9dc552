"""Running checks: one scan a table for all that one scan can answer, tables side by side."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.audit.checks import Check, file_checks
from lagoa.catalog.table_facts import plain_type, table_facts
from lagoa.contracts.quarantine import later_columns
from lagoa.domain.checks import CheckResult
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.checks import CheckFile, Outcome
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlSession


@dataclass(frozen=True, slots=True)
class CheckRun:
    """Runs checks at one state, with no thought of earlier results.

    Attributes:
        context: the lake.
        pointers: the state.
        base: main's state, for checks that compare with it.
    """

    context: LakeContext
    pointers: Pointers
    base: Pointers

    def run(self, checks: Sequence[Check], workers: int) -> dict[str, CheckResult]:
        """Return the results that came back, by check; tables are checked side by side on so many threads."""
        results: dict[str, CheckResult] = {}
        runnable = []
        for check in checks:
            absent = sorted(table for table in check.reads if table not in self.pointers)
            if check.how == "contract":
                results[check.id] = _judged(check, 1, f"{check.table} {check.reason}")
            elif absent:
                results[check.id] = not_evaluated(check, f"{', '.join(map(str, absent))} is not there")
            elif check.how == "schema":
                results[check.id] = self._schema(check)
            else:
                runnable.append(check)
        units = _units(runnable)
        workers = min(workers, len(units))
        if workers > 1:
            with self.context.engine.shared(workers), ThreadPoolExecutor(workers, "lagoa-check") as pool:
                for found in pool.map(self._unit, units):
                    results.update(found)
        else:
            for unit in units:
                results.update(self._unit(unit))
        return results

    def _unit(self, checks: Sequence[Check]) -> dict[str, CheckResult]:
        """Run some checks in one session."""
        with self.context.engine.session(self._tables(checks)) as session:
            return self._queried(checks, session)

    def _tables(self, checks: Sequence[Check]) -> Pointers:
        """Return the tables that some checks read; of a check file those of all of it, since it runs as a whole."""
        files = {check.table: check.file for check in checks if check.file is not None}
        whole = (each for file in files.values() for each in file_checks(file, self.context.engine))
        reads = frozenset[TableName]().union(*(check.reads for check in (*checks, *whole)))
        return {table: self.pointers[table] for table in reads if table in self.pointers}

    def _queried(self, checks: Sequence[Check], session: SqlSession) -> dict[str, CheckResult]:
        results: dict[str, CheckResult] = {}
        scans: dict[tuple[TableName, bool], list[Check]] = defaultdict(list)
        files: dict[TableName, CheckFile] = {}
        for check in checks:
            if check.file is not None:
                files[check.table] = check.file
            elif check.how == "query":
                figures, seconds = _measure(session, check.sql)
                results[check.id] = _number(check, figures[0], seconds)
            else:
                scans[check.table, check.counts_only].append(check)
        for (table, _), group in scans.items():
            results.update(self._scan(table, group, session))
        if files:
            results.update(self._of_files(files.values(), {check.id: check for check in checks}, session))
        return results

    def _of_files(
        self, files: Iterable[CheckFile], due: Mapping[str, Check], session: SqlSession
    ) -> dict[str, CheckResult]:
        """Run check files, each as a whole; the results of checks that were not due are dropped again."""
        try:
            ran = self.context.auditor.run(list(files), session)
        except LagoaError as error:
            return {check.id: not_evaluated(check, error.message) for check in due.values() if check.file}
        return {each.check: each for each in ran if each.check in due}

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
        later = later_columns(check.table)
        wrong = [
            f"{name} is {found.get(name, 'missing')}, the contract says {wanted.get(name, 'nothing of it')}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name) and not (name in later and name not in found)
        ]
        advice = f" (`lagoa contract diff {check.table}` says what to do)"
        return _judged(check, len(wrong), "; ".join(wrong) + advice if wrong else "the columns are the contract's")


def _units(checks: Sequence[Check]) -> list[list[Check]]:
    """Return the checks in parts that can run side by side: the check files, which go one by one, then each table."""
    by_file: list[Check] = []
    by_table: dict[TableName, list[Check]] = defaultdict(list)
    for check in checks:
        (by_file if check.file is not None else by_table[check.table]).append(check)
    return [part for part in (by_file, *by_table.values()) if part]


_Figure = float | str | None
"""What was measured: a number, None for a null, or the text of the error that came instead."""


def _measure(session: SqlSession, sql: str) -> tuple[list[_Figure], float]:
    started = time.perf_counter()
    try:
        row = session.query(sql).fetchall()[0]
    except TransientError:  # it tells nothing of the data: the audit is to be run again
        raise
    except LagoaError as error:
        return [error.message], time.perf_counter() - started
    return [None if value is None else float(value) for value in row], time.perf_counter() - started


def _aggregates(session: SqlSession, table: TableName, aggregates: Sequence[str]) -> tuple[list[_Figure], float]:
    """Measure aggregates in one scan; one by one where that fails, so that one does not take the others with it."""
    figures, seconds = _measure(session, f"SELECT {', '.join(aggregates)} FROM {table_in_sql(table)}")  # noqa: S608
    if not isinstance(figures[0], str):
        return figures, seconds
    each = [_measure(session, f"SELECT {aggregate} FROM {table_in_sql(table)}") for aggregate in aggregates]  # noqa: S608
    return [figures[0] for figures, _ in each], seconds + sum(spent for _, spent in each)


def _number(check: Check, figure: _Figure, seconds: float) -> CheckResult:
    if figure is None or isinstance(figure, str):
        return not_evaluated(check, figure or "the query gave no value")
    shown = f"{figure:.2%}" if check.threshold.endswith("%") else f"{figure:,.0f}"
    return replace(_judged(check, figure, f"{shown} {check.reason}"), seconds=seconds)


def _change(check: Check, figure: _Figure, before: _Figure, seconds: float) -> CheckResult:
    if isinstance(figure, str):
        return not_evaluated(check, figure)
    if isinstance(before, str):
        return not_evaluated(check, f"on main: {before}")
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


def not_evaluated(check: Check, reason: str) -> CheckResult:
    """Return the result of a check that measured nothing; it blocks like one that failed."""
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
