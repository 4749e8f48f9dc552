"""A review of a branch as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lagoa.cli.audits import COLOURS
from lagoa.cli.console import emit_rows, emit_table, number, one_line, say, say_list, say_parts, seconds, short
from lagoa.cli.layout import Painted
from lagoa.cli.publications import say_consent, tell_consent
from lagoa.review.request import words

if TYPE_CHECKING:
    from lagoa.domain.commits import Commit
    from lagoa.review.request.results import Review, TableReview

_LISTED = 20
"""Lines of a list; further ones are counted, JSON has all."""

_TABLES = 50
_DETAILS = 10
"""Tables of which columns, figures and rows are printed."""

_PROFILED = 8
"""Columns of a profile that are printed, those that moved most."""


def say_review(review: Review) -> None:
    """Print a review."""
    say(f"{review.branch} ({short(review.head)}) on main ({short(review.main)}): {one_line(words.summary(review))}.")
    if review.refused:
        say_parts(Painted("refused", "red"), f" {one_line(review.refused)}")
    if review.rebase:
        say_parts(Painted("behind", "yellow"), f" {one_line(words.rebased(review))}")
    _say_commits(review)
    say_list("Breaks readers", review.breaking)
    _say_tables(review)
    for table in [each for each in review.tables if each.compared and not each.same][:_DETAILS]:
        _say_table(table)
    _say_kpis(review)
    say_list("Contracts changed since main", review.checks.contracts)
    say_list("Loosened", review.checks.loosened)
    say_list("Tightened", review.checks.tightened)
    _say_readers(review)
    say_list("Not known", review.problems)
    say_consent(review.consent)
    say("")
    for result in review.checks.bad[:_LISTED]:
        say_parts(Painted(result.outcome, COLOURS[result.outcome]), f" {one_line(result.summary)}")
    say(f"{review.checks.counted}: {review.verdict}. Reviewed in {seconds(review.seconds)}.")


def _say_commits(review: Review) -> None:
    for commit in review.commits[:5]:
        say(f"  {short(commit.id)}  {one_line(commit.author)}: {one_line(commit.message)}")
    if review.commit_count > 5:  # noqa: PLR2004 - as above
        say(f"  and {number(review.commit_count - 5)} more")


def _say_tables(review: Review) -> None:
    shown = [each for each in review.tables if not each.same]
    say("")
    emit_table(
        ("", "table", "rows", "added", "changed", "removed", "matched by"),
        (
            (
                words.SIGNS[each.kind],
                str(each.table),
                words.rows_of(each),
                *(
                    number(count) if each.compared else ""
                    for count in (each.rows_added, each.rows_changed, each.rows_removed)
                ),
                words.matched(each),
            )
            for each in shown[:_TABLES]
        ),
        right=("rows", "added", "changed", "removed"),
    )
    if len(shown) > _TABLES:
        say(f"And {number(len(shown) - _TABLES)} more; --json has all.")
    if same := words.same_tables(review):
        say(same)


def _say_table(table: TableReview) -> None:
    if not (table.columns or table.samples or table.profile):
        return
    say("")
    counts = (("added", table.rows_added), ("changed", table.rows_changed), ("removed", table.rows_removed))
    say(f"{table.table}: {', '.join(f'{number(count)} {kind}' for kind, count in counts)}")
    for change in table.columns[:_LISTED] if table.kind == "changed" else ():
        say(f"  {words.column_change(change)}")
    if table.profile:
        say(f"  {words.profile_note(table.profile)}:")
        emit_table(
            ("column", "moved", "values changed", "nulls", "different", "least", "median", "greatest", "mean"),
            (
                (
                    each.column,
                    f"{each.moved:.2f}",
                    number(table.values_changed.get(each.column, 0)),
                    words.shares(each),
                    words.of_profile(each, "distinct"),
                    *(
                        "hidden" if each.hidden else words.of_profile(each, name)
                        for name in ("minimum", "median", "maximum", "mean")
                    ),
                )
                for each in table.profile.columns[:_PROFILED]
            ),
            right=("moved", "values changed", "nulls", "different", "least", "median", "greatest", "mean"),
            whole=("column",),
        )
    if table.samples:
        names = words.columns_of(table)
        say("  Some of the rows:")
        emit_rows(
            ("", *names),
            [[words.SIGNS[row.kind], *(words.cell(row, name) for name in names)] for row in table.samples],
            whole=table.key,
        )


def _say_kpis(review: Review) -> None:
    if review.kpis:
        say("")
        say("Figures of gold:")
        emit_table(
            ("table", "column", "total", "average", "latest"),
            (
                (
                    str(each.table),
                    each.column,
                    words.change(*each.total),
                    words.change(*each.average),
                    words.change(*each.latest) if each.latest else "",
                )
                for each in review.kpis[: 2 * _LISTED]
            ),
            right=("total", "average", "latest"),
        )


def _say_readers(review: Review) -> None:
    if review.downstream:
        say("")
        say("Who reads that:")
        emit_table(
            ("kind", "name", "reads", "state", "owner"),
            (
                (each.kind, each.name, words.affected(each), words.state_of(each), each.owner)
                for each in review.downstream[: 2 * _LISTED]
            ),
            whole=("name",),
            first_out=("owner",),
        )
        if len(review.downstream) > 2 * _LISTED:
            say(f"And {number(len(review.downstream) - 2 * _LISTED)} more; --json has all.")


def tell_review(review: Review) -> dict[str, Any]:
    """Return a review for JSON output."""
    checks = review.checks
    return {
        "branch": review.branch,
        "head": review.head,
        "main": review.main,
        "base": review.base,
        "refused": review.refused or None,
        "rebase": [{"table": str(each.table), "how": each.how, "writes": each.writes} for each in review.rebase],
        "verdict": review.verdict,
        "commits": list(map(_commit, review.commits)),
        "commit_count": review.commit_count,
        "authors": list(review.authors),
        "breaking": list(review.breaking),
        "tables": [{**asdict(each), "table": str(each.table)} for each in review.tables],
        "checks": {
            "results": [asdict(each) for each in checks.results],
            "unknown": list(checks.unknown),
            "loosened": list(checks.loosened),
            "tightened": list(checks.tightened),
            "contracts": list(checks.contracts),
        },
        "kpis": [{**asdict(each), "table": str(each.table)} for each in review.kpis],
        "downstream": [
            {
                "kind": each.kind,
                "name": each.name,
                "owner": each.owner,
                "reads": {str(table): columns for table, columns in each.through.items()},
                "stale": each.stale,
                "url": each.url or None,
                "what": each.what or None,
            }
            for each in review.downstream
        ],
        "problems": list(review.problems),
        "approval": tell_consent(review.consent),
        "reviewed_at": review.reviewed_at,
        "seconds": review.seconds,
    }


def _commit(commit: Commit) -> dict[str, Any]:
    return {
        "commit": commit.id,
        "author": commit.author,
        "committed_at": commit.committed_at,
        "message": commit.message,
    }
