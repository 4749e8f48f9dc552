"""Checks whose figure is the result of SQL, and those of them that have a separate query."""

from __future__ import annotations

import re
import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from lagoa.audit.check import SessionCheck
from lagoa.errors import LagoaError, TransientError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.engine import Queries

_PLURAL = re.compile(r"\b(row|version)s\b(?: that (\w+))?")
_VERBS = {"repeat": "repeats", "end": "ends", "are": "is", "do": "does"}

Figure = float | str | None
"""What was measured: a number, None for a null, or the text of an error."""


class Measured(NamedTuple):
    """What was measured for one check.

    Attributes:
        figure: at the audited state.
        seconds: the time it took; checks of one query share it evenly.
        before: the same on main, for a check that compares; None if there is nothing to compare with.
    """

    figure: Figure
    seconds: float
    before: Figure = None


@dataclass(frozen=True, kw_only=True)
class SqlCheck(SessionCheck):
    """A check whose figure is a number that SQL returns.

    Attributes:
        sql: returns the figure.
        counts: what the figure counts, in words that follow it.
        portable: a query with the figure of `query` that can be written for other engines; empty if `query` can.
    """

    sql: str
    counts: str
    portable: str = ""

    @property
    def text(self) -> str:
        """The SQL."""
        return self.sql

    @property
    @abstractmethod
    def query(self) -> str:
        """A complete query for the figure, with one row and one column."""

    @classmethod
    @abstractmethod
    def measure(cls, checks: Sequence[Self], state: State, session: Queries) -> Iterator[CheckResult]:
        """Yield the results of the checks of one group, on any engine."""

    def found(self, state: State, measured: Measured) -> CheckResult:
        """Return the result of what was measured."""
        if measured.figure is None or isinstance(measured.figure, str):
            return self.not_evaluated(state, measured.figure or "the query gave no value")
        counts = _PLURAL.sub(_singular, self.counts, count=1) if measured.figure == 1 else self.counts
        message = f"{self.in_words(measured.figure)} {counts}"
        return self.judged(state, measured.figure, message, measured.seconds)

    def in_words(self, figure: float) -> str:
        """Return a figure as a whole number, as messages show it."""
        return f"{figure:,.0f}"


def _singular(plural: re.Match[str]) -> str:
    noun, verb = plural.groups()
    return f"{noun} that {_VERBS.get(verb, verb)}" if verb else noun


class QueryCheck(SqlCheck):
    """A check whose `sql` is a complete query with one row and one column."""

    how: ClassVar[str] = "query"

    @property
    def query(self) -> str:
        """The SQL."""
        return self.sql

    @property
    def group(self) -> Hashable:
        """All queries of a session: they run one after the other."""
        return QueryCheck

    def cause(self, session: Queries) -> str:  # noqa: ARG002 - for those that look for it
        """Return why the check did not pass and what to do, to follow its message; empty if that is not known."""
        return ""

    @classmethod
    def measure(cls, checks: Sequence[Self], state: State, session: Queries) -> Iterator[CheckResult]:
        """Run the query of each."""
        for check in checks:
            figures, seconds = measure(session, check.sql)
            result = check.found(state, Measured(figures[0], seconds))
            cause = check.cause(session) if result.outcome in {"failed", "warned"} else ""
            yield replace(result, message=result.message + cause)


def measure(session: Queries, sql: str) -> tuple[list[Figure], float]:
    """Return the figures in the one row of a query, or only the text of its error, and the seconds it took.

    Raises:
        TransientError: it says nothing about the data; the audit is to be run again.
    """
    started = time.perf_counter()
    try:
        row = session.query(sql).fetchall()[0]
    except TransientError:
        raise
    except LagoaError as error:
        return [error.message], time.perf_counter() - started
    return [None if value is None else float(value) for value in row], time.perf_counter() - started
