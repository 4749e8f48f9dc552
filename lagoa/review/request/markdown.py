"""A review as Markdown, for the page of a code review."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import cut, listed, printable
from lagoa.domain.notebooks import moment, shown_value
from lagoa.review.request import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lagoa.review.request.results import Review, TableReview

_LISTED = 30
"""Lines of a list or table; further ones are counted."""

_DETAILS = (10, 3, 1, 0)
"""Tables with columns, figures and rows: as many as there is room for."""

_ROOM = 60_000
"""Characters of a page of a code review; GitHub's takes 65,536."""

_CELL = 80

_COLUMNS = 12


def review_markdown(review: Review) -> str:
    """Return a review as Markdown; what comes from data, messages and names stands as code, and is no markup."""
    text = ""
    for details in _DETAILS:
        text = "\n".join(_lines(review, details)).rstrip() + "\n"
        if len(text) <= _ROOM:
            break
    return text


def code(value: Any, most: int = _CELL) -> str:
    """Return a value as code on one line, which may stand in a table; nothing in it is markup, a link or a mention.

    A vertical bar would end the cell of a table, and whether a backslash before it helps depends on what is before
    that: a broken bar stands for it.
    """
    text = value if isinstance(value, str) else shown_value(value)
    text = cut(" ".join(text[: 4 * most].split()).replace("|", "¦"), most)
    text = printable(text)
    if not text:
        return ""
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _lines(review: Review, details: int) -> Iterator[str]:
    yield f"## Review of {code(review.branch)}"
    yield ""
    bad = review.refused or review.checks.blocking
    doubtful = review.rebase or review.checks.unknown or review.checks.bad
    sign = "❌" if bad else "⚠️" if doubtful else "✅"
    yield f"{sign} **{review.verdict}**: {review.checks.counted}."
    yield ""
    if review.refused:
        yield code(review.refused, 1000)
        yield ""
    if review.rebase:
        yield code(words.rebased(review), 1000)
        yield ""
    authors = ", ".join(map(code, review.authors[:5])) + (" and others" if len(review.authors) > 5 else "")  # noqa: PLR2004
    yield f"- branch at {code(review.head[:12])}, main at {code(review.main[:12])}"
    yield f"- commits: {review.commit_count:,}, by {authors}"
    yield ""
    yield from _list("Breaks readers", review.breaking)
    yield from _list("Checks that did not pass", [f"{each.outcome}: {each.summary}" for each in review.checks.bad])
    yield from _list("Loosened", review.checks.loosened)
    yield from _list("Tightened", review.checks.tightened)
    yield from _kpis(review)
    yield from _tables(review)
    detailed = [each for each in review.tables if each.compared and (each.columns or each.samples or each.profile)]
    for table in detailed[:details]:
        yield from _table(table)
    yield from _readers(review)
    yield from _list("Needs an approval", [each.shown for each in review.consent.missing])
    yield from _list("Approved by", [each.shown for each in review.consent.approvals])
    yield from _list("Approvals that do not count", review.consent.ignored)
    yield from _list("Not known", review.problems)
    yield "### Commits"
    yield ""
    rows = [(commit.id[:12], moment(commit.committed_at), commit.author, commit.message) for commit in review.commits]
    yield from _grid(("commit", "when", "author", "message"), rows, review.commit_count)


def _list(title: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"### {title}"
        yield ""
        yield from (f"- {code(each, 300)}" for each in found[:_LISTED])
        if len(found) > _LISTED:
            yield f"- and {len(found) - _LISTED:,} more"
        yield ""


def _grid(headings: Sequence[str], rows: Iterable[Sequence[Any]], of: int = 0) -> Iterator[str]:
    found = list(rows)
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in found[:_LISTED]:
        yield f"| {' | '.join('' if value is None else code(value) for value in row)} |"
    total = max(of, len(found))
    if total > _LISTED:
        yield ""
        yield f"And {total - _LISTED:,} more."
    yield ""


def _kpis(review: Review) -> Iterator[str]:
    if review.kpis:
        yield "### Figures of gold"
        yield ""
        rows = (
            (
                each.table,
                each.column,
                words.change(*each.total),
                words.change(*each.average),
                words.change(*each.latest) if each.latest else None,
            )
            for each in review.kpis
        )
        yield from _grid(("table", "column", "total", "average", "latest"), rows)


def _tables(review: Review) -> Iterator[str]:
    yield "### Tables"
    yield ""
    headings = ("", "table", "rows", "added", "changed", "removed", "matched by")
    rows = (
        (
            words.SIGNS[each.kind],
            each.table,
            words.rows_of(each),
            *(f"{number:,}" if each.compared else None for number in _counts(each)),
            words.matched(each),
        )
        for each in review.tables
        if not each.same
    )
    yield from _grid(headings, rows)
    if same := words.same_tables(review):
        yield code(same, 1000)
        yield ""


def _counts(table: TableReview) -> tuple[int, int, int]:
    return table.rows_added, table.rows_changed, table.rows_removed


def _table(table: TableReview) -> Iterator[str]:
    yield f"<details><summary>{escape(str(table.table))}</summary>"
    yield ""
    if table.kind == "changed":
        yield from (f"- {code(words.column_change(each))}" for each in table.columns[:_LISTED])
        yield ""
    if table.profile:
        yield f"{words.profile_note(table.profile)}:"
        yield ""
        headings = ("column", "moved", "values changed", "nulls", "different", "least", "median", "greatest", "mean")
        names = ("distinct", "minimum", "median", "maximum", "mean")
        rows = (
            (
                each.column,
                f"{each.moved:.2f}",
                f"{table.values_changed.get(each.column, 0):,}",
                words.shares(each),
                *("hidden" if each.hidden and name != "distinct" else words.of_profile(each, name) for name in names),
            )
            for each in table.profile.columns
        )
        yield from _grid(headings, rows)
    if table.samples:
        every = words.columns_of(table)
        names_shown = every[:_COLUMNS]
        more = listed(every[_COLUMNS:], 5)
        yield f"Some of the rows; personal values are hidden{f', {more} left out' if more else ''}:"
        yield ""
        cells = ((words.SIGNS[row.kind], *(words.cell(row, name) for name in names_shown)) for row in table.samples)
        yield from _grid(("", *map(code, names_shown)), cells)
    yield "</details>"
    yield ""


def _readers(review: Review) -> Iterator[str]:
    if review.downstream:
        yield "### Who reads that"
        yield ""
        rows = (
            (each.kind, each.name, words.affected(each), words.state_of(each), each.owner) for each in review.downstream
        )
        yield from _grid(("kind", "name", "reads", "state", "owner"), rows)
