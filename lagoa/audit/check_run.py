"""Runs checks: those that can be measured together in one go, tables in parallel."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lagoa.audit.check import MetadataCheck, SessionCheck
from lagoa.audit.on_engine import engine_queries, parted
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from lagoa.audit.check import Check
    from lagoa.audit.state import State
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.catalog import Pointers

_Check = TypeVar("_Check", bound=SessionCheck)


def run(
    checks: Sequence[Check], state: State, workers: int, on_done: Callable[[int], None] | None = None
) -> dict[str, CheckResult]:
    """Return the results by check, without using earlier ones; a check may have none.

    Args:
        checks: the checks to run.
        state: the state to run them at.
        workers: the maximum number of threads; each checks one table at a time.
        on_done: called in this thread with how many checks have a result, after each table.
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
    tell = on_done or (lambda _: None)
    tell(len(results))
    parts = _parts(due)
    workers = min(workers, len(parts))
    if workers > 1:
        with state.context.engine.shared(workers), ThreadPoolExecutor(workers, "lagoa-check") as pool:
            for found in pool.map(lambda part: _measured(part, state), parts):
                results.update(found)
                tell(len(results))
    else:
        for part in parts:
            results.update(_measured(part, state))
            tell(len(results))
    return results


def _parts(checks: Sequence[SessionCheck]) -> list[list[SessionCheck]]:
    """Return the checks in parts that can run in parallel, first the one without a table, which takes longest."""
    parts: dict[TableName | None, list[SessionCheck]] = {None: []}
    for check in checks:
        parts.setdefault(check.part, []).append(check)
    return [part for part in parts.values() if part]


def _measured(checks: Sequence[SessionCheck], state: State) -> dict[str, CheckResult]:
    """Measure some checks in one session of each engine that measures any, group by group."""
    here, there = parted(checks, state)
    results: list[CheckResult] = []
    if here:
        with state.context.engine.session(_opened(here, state)) as session:
            for group in _groups(here):
                results += group[0].measure(group, state, session)
    if there:
        on = partial(engine_queries, state.context, there)
        with on(_opened(there, state)) as queries:
            for each in _groups(there):
                results += each[0].measure(each, replace(state, on=on), queries)
    return {result.check: result for result in results}


def _opened(checks: Sequence[SessionCheck], state: State) -> Pointers:
    opens = frozenset[TableName]().union(*(check.opens for check in checks))
    return {table: state.pointers[table] for table in opens if table in state.pointers}


def _groups(checks: Sequence[_Check]) -> Collection[list[_Check]]:
    groups: dict[Hashable, list[_Check]] = defaultdict(list)
    for check in checks:
        groups[check.group].append(check)
    return groups.values()
