"""Checks and audits: the conditions and the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from lagoa.domain.lists import counted
from lagoa.domain.notebooks import html_table
from lagoa.domain.results import Results
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lagoa.domain.tables import TableName


Outcome = Literal["passed", "warned", "failed", "not evaluated"]

BLOCKING: frozenset[Outcome] = frozenset({"failed", "not evaluated"})
"""The outcomes that block a publication."""

Severity = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: the check's id, such as `silver.orders/required/order_id`.
        table: the table that it checks, as text.
        outcome: passed, warned, failed, or not evaluated (which blocks like failed).
        figure: the measured number; None if there is none.
        threshold: the condition as text, such as `= 0` or `<= 20 %`.
        message: the result in one readable line.
        seconds: the time that the check took; checks of one query share it evenly.
        key: hash of everything the result depends on; a result with an equal key is reused.
        reused: whether the result comes from an earlier audit.
        samples_sql: a query for the failing rows, if there are any.
        severity: whether a broken condition blocks (`fail`) or only warns.
        owner: the team responsible for the table, from its contract.
        definition: the condition as JSON; a later audit compares it to see whether the check was loosened.
    """

    check: str
    table: str
    outcome: Outcome
    figure: float | None
    threshold: str
    message: str
    seconds: float
    key: str
    reused: bool = False
    samples_sql: str | None = None
    severity: Severity = "fail"
    owner: str = ""
    definition: str = ""

    def __repr__(self) -> str:
        return f"<CheckResult {self.outcome}, {self.summary}>"

    @property
    def blocks(self) -> bool:
        """Whether it blocks a publication: failed or not evaluated."""
        return self.outcome in BLOCKING

    @property
    def shown(self) -> str:
        """The formatted figure: `1,204`, `0.37`, `2.50%`; empty if there is none."""
        if self.figure is None:
            return ""
        if "%" in self.threshold and " %" not in self.threshold:  # a share; Soda's figures are percents already
            return f"{self.figure:,.2%}"
        return f"{self.figure:,.0f}" if self.figure.is_integer() else f"{self.figure:,.6g}"

    @property
    def summary(self) -> str:
        """Return the check, its result and the table's owner in one line."""
        return f"{self.check}: {self.message}" + (f" (owner: {self.owner})" if self.owner else "")


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One check of a check file.

    Attributes:
        id: such as `silver.orders/soda/columns.state.checks.missing`.
        definition: its full text in the file.
        queries: its SQL, each one a SELECT; the check reads the tables that they read.
        tables: other tables that it names outside of SQL.
        clock: the unit of time after which its result is out of date; None if it does not depend on the clock.
        severity: whether it fails an audit or only warns.
    """

    id: str
    definition: str
    queries: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()
    clock: Literal["minute", "hour", "day"] | None = None
    severity: Severity = "fail"


@dataclass(frozen=True, slots=True)
class CheckFile:
    """The check file of one table, read once.

    Attributes:
        table: the table that it checks.
        path: its path.
        text: its content.
        checks: every check in it, in order.
    """

    table: TableName
    path: str
    text: str
    checks: tuple[FileCheck, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The results of all checks at one commit.

    Attributes:
        ref: the ref that was requested, as text.
        commit: the commit that was audited.
        base: the commit of main that drift was measured against.
        results: one per check, ordered by id.
        started_at: UTC.
        seconds: wall time of the whole audit.
        gating: False if the checks ran for information only, as in a rollback to a state that was audited before.
    """

    ref: str
    commit: str
    base: str
    results: Sequence[CheckResult]
    started_at: datetime
    seconds: float
    gating: bool = True

    def __post_init__(self) -> None:
        """Keep the results by table."""
        if not isinstance(self.results, Results):
            object.__setattr__(self, "results", Results.of(self.results))

    @property
    def by_table(self) -> Results:
        """The results as they are kept: what did not change is read only where it is needed."""
        assert isinstance(self.results, Results)  # noqa: S101 - made so above
        return self.results

    def result(self, check: str) -> CheckResult:
        """Return the result of a check; raises `QueryError` if it is not in this audit."""
        found = self.by_table.find(check)
        if found is not None:
            return found
        message = f"There is no check {check!r} in the audit of {self.ref} ({self.commit[:12]})."
        suggestion = did_you_mean(check, (each.check for each in self.results), 3, alike=0.85).strip()
        raise QueryError(message, suggestion or f"`lagoa audit show {self.commit[:12]}` lists them.")

    def __repr__(self) -> str:
        return f"<AuditReport of {self.ref} ({self.commit[:12]}): {self.counted}>"

    def _repr_html_(self) -> str:
        """Return the results as HTML, those that did not pass first, for a notebook."""
        columns = ("check", "outcome", "figure", "expected", "message")
        results = sorted(self.results, key=lambda each: (each.outcome == "passed", each.check))
        rows = [(each.check, each.outcome, each.shown, each.threshold, each.message) for each in results]
        return html_table(columns, rows, f"{self.ref} ({self.commit[:12]}): {self.counted}")

    @property
    def counted(self) -> str:
        """How many checks there are, and how many of each outcome: `25 checks, 23 passed, 2 failed`."""
        parts = [f"{count:,} {outcome}" for outcome, count in self.outcomes.items() if count]
        return ", ".join([counted(len(self.results), "check"), *parts])

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """The number of results of each outcome, also of those that do not occur."""
        return {outcome: self.by_table.outcomes.get(outcome, 0) for outcome in get_args(Outcome)}

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """The results that block a publication: failed or not evaluated."""
        return self.by_table.having(BLOCKING)

    @property
    def refusing(self) -> tuple[str, ...]:
        """The tables that block a publication by their share of refused records."""
        return tuple(result.table for result in self.blocking if result.check.endswith("/quarantine_share"))

    @property
    def passed(self) -> bool:
        """Whether this state may be published."""
        return not self.blocking
