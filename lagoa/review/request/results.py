"""What a review returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from lagoa.domain.approvals import Consent
from lagoa.domain.checks import Outcome
from lagoa.domain.lists import counted
from lagoa.domain.notebooks import html_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lagoa.domain.checks import CheckResult
    from lagoa.domain.commits import Commit
    from lagoa.domain.tables import TableName
    from lagoa.lineage.downstream import Affected
    from lagoa.publish.rebase_plan import TableRebase
    from lagoa.review.diff import ColumnChange, Kind

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles of profiles."""

Scope = Literal["all rows", "files that differ", "new files"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A row that differs.

    Attributes:
        kind: whether it was added, removed or changed.
        before: its values before; None if it was added. Personal values are hidden, long ones are cut.
        after: its values after; None if it was removed.
        changed: the columns that have another value.
    """

    kind: Kind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a column of some rows; None where a figure is not known or does not apply.

    Attributes:
        rows: how many rows there are.
        nulls: how many are null.
        distinct: how many different values there are, without null; of many rows an estimate.
        minimum: the least value of numbers and times.
        maximum: the greatest one.
        mean: of numbers, without infinite ones; the share of true ones of booleans.
        quantiles: of numbers, at `QUANTILES`; of many rows estimates.
    """

    rows: int
    nulls: int | None = None
    distinct: int | None = None
    minimum: Any = None
    maximum: Any = None
    mean: float | None = None
    quantiles: tuple[float, ...] | None = None

    @property
    def median(self) -> float | None:
        """The middle quantile."""
        return self.quantiles[len(QUANTILES) // 2] if self.quantiles else None

    @property
    def null_share(self) -> float | None:
        """The share of rows that are null."""
        return self.nulls / self.rows if self.rows and self.nulls is not None else None


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """A column before and after.

    Attributes:
        column: its name after.
        type: its type after, in Iceberg's spelling.
        before: None if there were no rows, or no such column.
        after: None if there are no rows.
        moved: how far it moved, from 0 to 1: the greatest of the changes of the share of nulls, of the share of
            different values, and of mean and quantiles in units of the distance of the 5 % and 95 % quantiles before.
        hidden: whether values are not shown, since they are personal.
    """

    column: str
    type: str
    before: Figures | None
    after: Figures | None
    moved: float
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class TableProfile:
    """The columns of a table before and after, those that moved most first.

    Attributes:
        of: the rows that the figures are of. `files that differ`: those of data files that only one side has. `new
            files`: the rows that were added, beside what the metadata says of all rows before.
        approximate: whether different values and quantiles are estimates.
        columns: the columns.
        left_out: how many columns have no figures, as there are too many.
    """

    of: Scope
    approximate: bool
    columns: tuple[ColumnProfile, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class TableReview:
    """A table that publishing would change.

    Attributes:
        table: its name.
        kind: whether it is added, removed or changed.
        owner: the team responsible for it; empty if its contract names none.
        rows_before: rows before; None if there was no table, or its metadata does not say.
        rows_after: rows after; likewise.
        columns: the columns that differ.
        breaking: what in that breaks those who read the table, a sentence each.
        compared: whether rows were compared; if there are very many tables, only some are.
        problem: why rows could not be compared; empty if they could, or were not to be.
        key: what rows were matched by; empty if by all values.
        rows_added: rows that exist only after.
        rows_removed: rows that existed only before.
        rows_changed: rows with the same key and another value.
        values_changed: in how many changed rows each column has another value.
        samples: some of these rows.
        columns_left_out: columns that samples do not show, as there are too many.
        profile: its columns before and after; None if they were not looked at.
    """

    table: TableName
    kind: Kind
    owner: str
    rows_before: int | None
    rows_after: int | None
    columns: tuple[ColumnChange, ...] = ()
    breaking: tuple[str, ...] = ()
    compared: bool = False
    key: tuple[str, ...] = ()
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    values_changed: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    columns_left_out: int = 0
    profile: TableProfile | None = None
    problem: str = ""

    @property
    def same(self) -> bool:
        """Whether it was written again with the same rows and columns."""
        differs = self.kind != "changed" or self.rows_added or self.rows_removed or self.rows_changed or self.columns
        return self.compared and not differs


@dataclass(frozen=True, slots=True)
class ReviewedChecks:
    """The checks of the state that would be published, and how they differ from those of main.

    Attributes:
        results: of each check that was run or has a result from before, ordered by id.
        unknown: ids of the checks that have none yet.
        loosened: checks of main that are gone or weaker, a sentence each.
        tightened: checks that main does not have, or that are stricter than there, a sentence each.
        contracts: tables whose contract is another one than in main's audit.
    """

    results: tuple[CheckResult, ...]
    unknown: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()
    tightened: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()

    @property
    def bad(self) -> tuple[CheckResult, ...]:
        """The results that did not pass, those that block first."""
        order = {"failed": 0, "not evaluated": 1, "warned": 2}
        found = [each for each in self.results if each.outcome != "passed"]
        return tuple(sorted(found, key=lambda each: (order[each.outcome], each.check)))

    @property
    def blocking(self) -> int:
        """How many of the results would stop a publication."""
        return sum(each.blocks for each in self.results)

    @property
    def counted(self) -> str:
        """How many there are, in words: `25 checks, 23 passed, 2 failed`."""
        outcomes = [each.outcome for each in self.results]
        parts = [f"{outcomes.count(each):,} {each}" for each in get_args(Outcome) if each in outcomes]
        parts += [f"{len(self.unknown):,} not run yet"] if self.unknown else []
        return ", ".join([counted(len(self.results) + len(self.unknown), "check"), *parts])


@dataclass(frozen=True, slots=True)
class Kpi:
    """A numeric column of a small table of gold, before and after.

    Attributes:
        table: the table.
        column: the column.
        total: the sum before and after; None where there are no rows.
        average: the mean before and after.
        latest: the value at the latest moment before and after, if the table's key is a moment; else None.
        moments: the moments of the series, in order, if the key is one.
        before: the figure at each moment; None where there is none.
        after: likewise.
    """

    table: TableName
    column: str
    total: tuple[float | None, float | None]
    average: tuple[float | None, float | None]
    latest: tuple[float | None, float | None] | None = None
    moments: tuple[str, ...] = ()
    before: tuple[float | None, ...] = ()
    after: tuple[float | None, ...] = ()

    @property
    def moved(self) -> float:
        """How far it moved: the greatest change of total, average and latest, in proportion; 0 if it is the same."""
        pairs = [each for each in (self.total, self.average, self.latest) if each is not None]
        found = max((_proportion(*each) for each in pairs), default=0.0)
        return found or float(self.before != self.after) / 1e6


def _proportion(before: float | None, after: float | None) -> float:
    """Return by what part of itself a figure changed; sums of the same numbers in another order are the same."""
    if before is None or after is None:
        return float(before is not after)
    if math.isclose(before, after, rel_tol=1e-9) or (math.isnan(before) and math.isnan(after)):
        return 0.0
    change = abs(after - before) / abs(before) if before else 1.0
    return change if math.isfinite(change) else 1.0


@dataclass(frozen=True, slots=True)
class Review:
    """What publishing a branch would change on main.

    Attributes:
        lake: name of the lake.
        branch: the branch.
        head: id of its commit.
        main: id of main's commit.
        base: id of the commit that the branch is compared with: main's, or where the branch would be refused or rebased
            the one that it is based on.
        refused: why publishing would be refused before any check, with what to do; empty if it would not.
        rebase: what publishing would first do again on main, since main changed the same tables; empty if nothing.
        commits: the newest commits of the branch that main does not have, newest first.
        commit_count: how many there are.
        authors: who made them, by their number.
        tables: the tables that would change.
        checks: the checks.
        kpis: figures of small tables of gold that would change, those that move most first.
        downstream: what reads the changed tables.
        problems: what could not be read for that, a sentence each.
        consent: what asks for an approval of the head, and which are there.
        reviewed_at: when (UTC).
        seconds: how long it took.
    """

    lake: str
    branch: str
    head: str
    main: str
    base: str
    refused: str
    rebase: tuple[TableRebase, ...]
    commits: tuple[Commit, ...]
    commit_count: int
    authors: tuple[str, ...]
    tables: tuple[TableReview, ...]
    checks: ReviewedChecks
    kpis: tuple[Kpi, ...]
    downstream: tuple[Affected, ...]
    problems: tuple[str, ...]
    reviewed_at: datetime
    seconds: float
    consent: Consent = field(default_factory=Consent)

    def __repr__(self) -> str:
        return f"<Review of {self.branch!r} ({self.head[:12]}): {counted(len(self.tables), 'table')}, {self.verdict}>"

    def _repr_html_(self) -> str:
        """Return the tables that would change as HTML, for a notebook."""
        columns = ("table", "", "rows added", "changed", "removed", "breaks readers")
        rows = [
            (each.table, each.kind, each.rows_added, each.rows_changed, each.rows_removed, "; ".join(each.breaking))
            for each in self.tables
        ]
        return html_table(columns, rows, f"{self.branch} ({self.head[:12]}): {self.verdict}")

    @property
    def breaking(self) -> tuple[str, ...]:
        """What breaks those who read the changed tables, as `table: sentence`."""
        return tuple(f"{each.table}: {sentence}" for each in self.tables for sentence in each.breaking)

    @property
    def verdict(self) -> str:
        """What would become of a publication now, as far as is known, in one line."""
        if self.refused:
            return "would be refused"
        if self.rebase:
            return "would be put on main as it is now first"
        if self.checks.blocking:
            return f"would be refused: {counted(self.checks.blocking, 'check')} failed"
        if self.consent.missing:
            return f"needs an approval: {'; '.join(each.reason for each in self.consent.missing)}"
        if self.checks.unknown:
            return f"{counted(len(self.checks.unknown), 'check')} not run yet"
        return "all checks passed" if not self.checks.bad else "passes with warnings"

    def html(self) -> str:
        """Return it as one HTML page, without scripts or anything from outside."""
        from lagoa.review.request.page import review_page

        return review_page(self)

    def markdown(self) -> str:
        """Return it as Markdown, for the page of a code review."""
        from lagoa.review.request.markdown import review_markdown

        return review_markdown(self)
