"""Audits: every check that must hold at a commit, run now or reused from a run with the same inputs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lagoa.audit.check_run import run
from lagoa.audit.expected import expected_checks
from lagoa.audit.records import keep_audit
from lagoa.audit.state import State
from lagoa.audit.unchanged import definitions_of, due, put_together
from lagoa.domain.checks import AuditReport
from lagoa.domain.refs import MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import TableNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from lagoa.audit.check import Check
    from lagoa.context import LakeContext
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName


def audit(
    context: LakeContext, ref: str, *, base: str = MAIN, on_done: Callable[[int, int], None] | None = None
) -> AuditReport:
    """Run every check at a ref; drift is measured against `base`. The report is kept and can be shown later.

    Args:
        context: the lake.
        ref: a branch or other ref.
        base: the ref that drift is measured against.
        on_done: called in this thread while checks run: how many are done, of how many that have no earlier result.

    Returns:
        One result per check, in the order of their ids. A check that was not evaluated says so and blocks. Results of
        earlier audits with the same text, tables, contract and baseline are reused and marked so.

    Raises:
        RefNotFound: there is no such ref.
        CheckError: a check file that cannot be run.
        ContractError: a contract that cannot be used.
        NotAllowed: the role may not read the quarantine, which is checked as well.
    """
    context.require_quarantine_access()
    commit = context.resolve(ref).id
    report = audit_commit(context, ref, commit, context.resolve(base).id, on_done=on_done)
    keep_audit(context, report)
    return report


def audit_commit(
    context: LakeContext,
    ref: str,
    commit: str,
    base: str,
    *,
    gating: bool = True,
    on_done: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Run every check at an exact commit against an exact commit of main; `ref` is the report's name for the state.

    Tables of which nothing changed that their results depend on are not looked at.
    """
    clock = time.perf_counter()
    state = State(context, context.catalog.tables(commit), context.catalog.tables(base), context.clock())
    definitions = definitions_of(context)
    wanted = due(state, base, definitions)
    checks = expected_checks(context, state.pointers, wanted.tables)
    results = put_together(state, wanted, definitions, checks, run_checks(state, checks, on_done=on_done))
    seconds = time.perf_counter() - clock
    return AuditReport(ref, commit, base, results, state.now, seconds, gating)


def audit_tables(
    context: LakeContext, pointers: Pointers, tables: Iterable[TableName], base: Pointers
) -> list[CheckResult]:
    """Run the checks of some tables before the audit, which then reuses their results.

    Intended for a separate thread during the writing. Checks that read a table which is not in `pointers` yet are left
    to the audit.

    Args:
        context: the lake.
        pointers: every table that is finished, quarantine included.
        tables: those to check now.
        base: main's pointers.
    """
    wanted = frozenset(tables)
    checks = [check for check in expected_checks(context, pointers, wanted) if check.reads <= pointers.keys()]
    return run_checks(State(context, pointers, base, context.clock()), checks, workers=1)


def run_checks(
    state: State,
    checks: Sequence[Check],
    *,
    workers: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> list[CheckResult]:
    """Return one result per check, in their order: an earlier one if everything that it depends on is the same.

    Tables are checked in parallel on `workers` threads, by default `settings.workers`; `on_done` is told how many of
    those that run are done.
    """
    context = state.context
    earlier = context.receipts.results([state.key(check) for check in checks])
    due = [check for check in checks if state.key(check) not in earlier]
    tell = (lambda done: on_done(done, len(due))) if on_done else None
    found = run(due, state, workers or context.settings.workers, tell)
    missing = "it returned no result"
    fresh = {check.id: found.get(check.id) or check.not_evaluated(state, missing) for check in due}
    context.receipts.remember([each for each in fresh.values() if each.outcome != "not evaluated"])
    return [fresh.get(check.id) or check.used_again(earlier[state.key(check)]) for check in checks]


def failing_rows(context: LakeContext, report: AuditReport, check: str, limit: int = 20) -> pa.Table | None:
    """Return rows that a check of a report is about, at the report's commit; None if the check has no rows to show.

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
            raise TableNotFound(table, report.ref, did_you_mean_name(table, pointers))
    with context.engine.session({table: pointers[table] for table in tables}) as session:
        return session.query(f"SELECT * FROM ({result.samples_sql}) LIMIT {int(limit)}").arrow()  # noqa: S608
