"""What every form of a review says alike: figures, changes and readers in words."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import counted, listed
from lagoa.domain.notebooks import shown_value

if TYPE_CHECKING:
    from lagoa.lineage.downstream import Affected
    from lagoa.review.diff import ColumnChange
    from lagoa.review.request.results import ColumnProfile, Figures, Review, Sample, TableProfile, TableReview

_EXACT = 2**53
"""Whole numbers below are exact as floats."""

_LARGE = 1000
"""Numbers from here on are shown with two digits behind the point."""

SIGNS = {"added": "+", "removed": "-", "changed": "~"}

SCOPES = {
    "all rows": "all rows",
    "files that differ": "the rows of the data files that differ",
    "new files": "the new rows, beside all rows before as the metadata says",
}


def figure(value: Any) -> str:
    """Return a figure as a person reads it: `1,204`, `0.37`; a dash if it is not known."""
    if value is None:
        return "-"
    if isinstance(value, bool | str | date | datetime | time):
        return shown_value(value)
    if isinstance(value, int):
        return f"{value:,}"
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    if number.is_integer() and abs(number) < _EXACT:
        return f"{number:,.0f}"
    return f"{number:,.2f}" if _LARGE <= abs(number) < _EXACT else f"{number:,.6g}"


def change(before: Any, after: Any) -> str:
    """Return `3 -> 4`, or one figure if both are the same."""
    was, now = figure(before), figure(after)
    return was if was == now else f"{was} -> {now}"


def share(figures: Figures | None) -> str:
    """Return the share of nulls in percent; a dash if it is not known."""
    return "-" if figures is None or figures.null_share is None else f"{100 * figures.null_share:.3g} %"


def shares(profile: ColumnProfile) -> str:
    """Return how the share of nulls changed."""
    was, now = share(profile.before), share(profile.after)
    return was if was == now else f"{was} -> {now}"


def of_profile(profile: ColumnProfile, name: str) -> str:
    """Return how one figure of a column changed, by the name of the attribute of `Figures`."""
    return change(getattr(profile.before, name, None), getattr(profile.after, name, None))


def profile_note(profile: TableProfile) -> str:
    """Return which rows the figures are of, and what is estimated or left out."""
    text = f"Of {SCOPES[profile.of]}"
    text += "; different values and quantiles are estimates" if profile.approximate else ""
    return text + (f"; {counted(profile.left_out, 'further column')} left out" if profile.left_out else "")


def column_change(each: ColumnChange) -> str:
    """Return how a column changed."""
    match each.kind:
        case "added":
            return f"+ {each.column} {each.after}"
        case "removed":
            return f"- {each.column} {each.before}"
    return f"~ {each.column}: {each.before} -> {each.after}"


def rows_of(table: TableReview) -> str:
    """Return the rows of a table before and after."""
    return change(table.rows_before, table.rows_after)


def matched(table: TableReview) -> str:
    """Return how rows were matched."""
    if table.problem:
        return f"not compared: {table.problem}"
    if not table.compared:
        return "not compared: too many tables"
    if table.kind != "changed":
        return f"the table is {table.kind}"
    return ", ".join(table.key) or "all values"


def cell(row: Sample, name: str) -> Any:
    """Return what a sample shows in a column: the change of a value that changed, else the value."""
    before, after = ((side or {}).get(name) for side in (row.before, row.after))
    if name in row.changed:
        return f"{_text(before)} -> {_text(after)}"
    return before if row.after is None else after


def _text(value: Any) -> str:
    return "NULL" if value is None else shown_value(value)


def columns_of(table: TableReview) -> list[str]:
    """Return the columns that samples of a table show, in order."""
    return list(dict.fromkeys(name for row in table.samples for name in (row.after or row.before or {})))


def affected(each: Affected) -> str:
    """Return by which changed tables and columns a reader is affected."""
    parts = [
        f"{table} ({listed(columns, 6)})" if columns is not None else str(table)
        for table, columns in each.through.items()
    ]
    return listed(parts, 5)


def state_of(each: Affected) -> str:
    """Return what is the matter with a reader."""
    if each.kind != "model":
        return each.what
    return "not built again: stale" if each.stale else "built again on the branch"


def same_tables(review: Review) -> str:
    """Return which tables were written again with the same rows; empty if none."""
    names = [str(each.table) for each in review.tables if each.same]
    return f"Written again with the same rows: {listed(names)}." if names else ""


def rebased(review: Review) -> str:
    """Return what publishing would do first with a branch that is behind main; empty if nothing."""
    if not review.rebase:
        return ""
    done = [f"{each.table} ({each.how})" for each in review.rebase if each.how != "kept"]
    return (
        f"main changed the same tables or their inputs meanwhile: publishing does again what the branch did to "
        f"{listed(done)}. Here it is compared with the state of main that it is based on, and no check was run; "
        f"`lagoa rebase {review.branch}` makes the state that can be reviewed."
    )


def summary(review: Review) -> str:
    """Return in one line what publishing would change."""
    added, removed, changed = (
        sum(getattr(each, f"rows_{kind}") for each in review.tables) for kind in ("added", "removed", "changed")
    )
    return (
        f"{counted(review.commit_count, 'commit')} by {listed(review.authors, 5)}; "
        f"{counted(len(review.tables), 'table')}; {added:,} rows added, {changed:,} changed, {removed:,} removed"
    )
