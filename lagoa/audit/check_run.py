"""Runs checks: those that can be measured together in one go, tables in parallel."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lagoa.audit.check import MetadataCheck, SessionCheck
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lagoa.audit.check import Check
    from lagoa.audit.state import State
    from lagoa.domain.checks import CheckResult


def run(checks: Sequence[Check], state: State, workers: int) -> dict[str, CheckResult]:
    """Return the results by check, without using earlier ones; a check may have none.

    Args:
        checks: the checks to run.
        state: the state to run them at.
        workers: the maximum number of threads; each checks one table at a time.
    """
    results: dict[str, CheckResult] = {}
    due: list[SessionCheck] = []
    for check in checks:
        absent = sorted(table for table in check.reads if table not in state.pointers)
        if absent:
            results[check.id] = check.not_evaluated(state, f"{', '.join(map(str, absent))} does not exist")
        elif isinstance(check, MetadataCheck):
            results[check.id] = check.look(state)
        elif isinstance(check, SessionCheck):
            due.append(check)
    parts = _parts(due)
    workers = min(workers, len(parts))
    if workers > 1:
        with state.context.engine.shared(workers), ThreadPoolExecutor(workers, "lagoa-check") as pool:
            for found in pool.map(lambda part: _measured(part, state), parts):
                results.update(found)
    else:
        for part in parts:
            results.update(_measured(part, state))
    return results


def _parts(checks: Sequence[SessionCheck]) -> list[list[SessionCheck]]:
    """Return the checks in parts that can run in parallel, first the one without a table, which takes longest."""
    parts: dict[TableName | None, list[SessionCheck]] = {None: []}
    for check in checks:
        parts.setdefault(check.part, []).append(check)
    return [part for part in parts.values() if part]


def _measured(checks: Sequence[SessionCheck], state: State) -> dict[str, CheckResult]:
    """Measure some checks in one session, group by group."""
    groups: dict[Hashable, list[SessionCheck]] = defaultdict(list)
    for check in checks:
        groups[check.group].append(check)
    opens = frozenset[TableName]().union(*(check.opens for check in checks))
    tables = {table: state.pointers[table] for table in opens if table in state.pointers}
    with state.context.engine.session(tables) as session:
        results = (result for group in groups.values() for result in group[0].measure(group, state, session))
        return {result.check: result for result in results}
