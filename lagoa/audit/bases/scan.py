"""Checks that are aggregates: one scan of a table for all of them, whatever their kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.bases.query import Figure, Measured, SqlCheck, measure
from lagoa.audit.bases.weaker import higher_limit
from lagoa.domain.sql_names import table_in_sql

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.engine import Queries


class ScanCheck(SqlCheck):
    """A check whose `sql` is an aggregate over the rows of its table.

    Attributes:
        from_statistics: whether the statistics of the files are enough (`count(*)`, `count(column)`): it is then
            measured separately from what needs a scan.
    """

    how: ClassVar[str] = "scan"
    from_statistics: ClassVar[bool] = False

    @property
    def query(self) -> str:
        """The aggregate alone."""
        return _query([self])

    @property
    def group(self) -> Hashable:
        """All aggregates over the table that need a scan, or all that do not."""
        return ScanCheck, self.table, self.from_statistics

    @classmethod
    def measure(cls, checks: Sequence[Self], state: State, session: Queries) -> Iterator[CheckResult]:
        """Measure all of them in one query."""
        figures, seconds = _aggregates(session, checks)
        before = _on_main([check for check in checks if isinstance(check, ChangeCheck)], state)
        for check, figure in zip(checks, figures, strict=True):
            yield check.found(state, Measured(figure, seconds / len(checks), before.get(check.id)))


@dataclass(frozen=True, kw_only=True)
class ChangeCheck(ScanCheck):
    """A check whose figure is the difference between an aggregate and main's, as a share of main's.

    Attributes:
        column: the column of the aggregate; None if it is over whole rows.
    """

    how: ClassVar[str] = "change"
    compares: ClassVar[bool] = True

    column: str | None = None

    def found(self, state: State, measured: Measured) -> CheckResult:
        """Return the result of what was measured; without a baseline it passes."""
        figure, seconds, before = measured
        if isinstance(figure, str):
            return self.not_evaluated(state, figure)
        if isinstance(before, str):
            return self.not_evaluated(state, f"on main: {before}")
        if before is None:
            return replace(self.judged(state, 0, f"{self.counts}: no baseline on main", seconds), figure=None)
        now = figure or 0.0  # the mean of no rows is null
        jump = abs(now - before) / abs(before) if before else (math.inf if now else 0.0)
        message = f"{self.counts} went from {before:,.6g} to {now:,.6g}, by {jump:.1%}"
        return self.judged(state, jump, message, seconds)

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Yield a higher limit."""
        yield from higher_limit(old, new)


def _on_main(checks: Sequence[ChangeCheck], state: State) -> dict[str, Figure]:
    """Return the figures of some checks of one table on main, by id; none if it has no such table or column."""
    pointer = checks[0].baseline(state.base) if checks else None
    if pointer is None:
        return {}
    columns = state.context.metadata.facts(pointer).columns
    comparable = [check for check in checks if check.column is None or check.column in columns]
    if not comparable:
        return {}
    with state.open({comparable[0].table: pointer}) as session:
        figures, _ = _aggregates(session, comparable)
    return {check.id: figure for check, figure in zip(comparable, figures, strict=True)}


def _aggregates(session: Queries, checks: Sequence[ScanCheck]) -> tuple[list[Figure], float]:
    """Measure aggregates in one scan; if that fails, one by one, so that one failure does not affect the others."""
    figures, seconds = measure(session, _query(checks))
    if not isinstance(figures[0], str):
        return figures, seconds
    each = [measure(session, check.query) for check in checks]
    return [figures[0] for figures, _ in each], seconds + sum(spent for _, spent in each)


def _query(checks: Sequence[ScanCheck]) -> str:
    """Return one query for the aggregates of some checks of one table."""
    return f"SELECT {', '.join(check.sql for check in checks)} FROM {table_in_sql(checks[0].table)}"  # noqa: S608
