"""What the commands share that show audits: `lagoa audit` and its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import emit_pairs, emit_rows, emit_table, number, say, say_parts, seconds, short
from lagoa.cli.layout import Painted
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from lagoa.domain.checks import AuditReport, CheckResult
    from lagoa.lake import Lake

_ROWS = 20
_TELLING = ("source", "record", "rule", "reason", "raw")
"""Columns of refused records that a terminal shows before the others."""

_ORDER = {"failed": 0, "not evaluated": 1, "warned": 2}
COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "not evaluated": "red"}

KeptArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="REF",
        help="A ref, a branch (its latest audit), or the id of a commit or a receipt; main by default.",
        autocompletion=complete_ref,
    ),
]


def failing(
    lake: Lake, report: AuditReport, results: Iterable[CheckResult] | None = None, *, personal: bool
) -> dict[str, pa.Table | None]:
    """Return rows of each check that did not pass; personal values are masked unless `personal`."""
    bad = (each for each in (report.results if results is None else results) if each.outcome in {"failed", "warned"})
    return {each.check: lake.failing_rows(report, each.check, _ROWS, personal=personal) for each in bad}


def say_audit(
    report: AuditReport,
    results: Sequence[CheckResult],
    samples: dict[str, pa.Table | None],
    *,
    passed: bool,
    every: bool,
) -> None:
    """Print results: those that did not pass first, and again at the end if others come between; then the verdict.

    Args:
        report: the audit.
        results: those of its results that are shown.
        samples: rows of checks that did not pass.
        passed: whether those that passed are shown, too: their number for each table.
        every: whether each of them is shown.
    """
    bad = sorted((each for each in results if each.outcome != "passed"), key=lambda each: _ORDER[each.outcome])
    good = [each for each in results if each.outcome == "passed"] if passed or every else []
    _say_bad(bad)
    if bad and good:
        say("")
    if every:
        _say_each(good)
    else:
        _say_by_table(good, results)
    _say_rows(samples)
    if bad and (good or any(rows is not None and rows.num_rows for rows in samples.values())):
        say("")
        _say_bad(bad)
    _say_verdict(report)


def _say_bad(results: Sequence[CheckResult]) -> None:
    """Print each result on a line that is never cut."""
    for each in results:
        expected = f" (expected {each.threshold})" if each.threshold else ""
        say_parts(Painted(each.outcome, COLOURS[each.outcome]), f" {each.summary}{expected}")


def _say_by_table(passed: Sequence[CheckResult], results: Sequence[CheckResult]) -> None:
    """Print a line for each table of which a check passed."""
    per_table, of = Counter(each.table for each in passed), Counter(each.table for each in results)
    emit_pairs(
        (table, f"{number(n)} passed" if n == of[table] else f"{number(n)} of {number(of[table])} passed")
        for table, n in sorted(per_table.items())
    )


def _say_each(results: Sequence[CheckResult]) -> None:
    if results:
        emit_table(
            ("check", "outcome", "figure", "expected", "owner"),
            ((r.check, Painted(r.outcome, COLOURS[r.outcome]), r.shown, r.threshold, r.owner) for r in results),
            right=("figure",),
            first_out=("owner",),
        )


def _say_rows(samples: dict[str, pa.Table | None]) -> None:
    """Print the rows that checks failed for."""
    for check, table in samples.items():
        if table is None or table.num_rows == 0:
            continue
        say("")
        say(f"{check}: {'the first ' if table.num_rows == _ROWS else ''}{counted(table.num_rows, 'row')}")
        others = [each for each in table.column_names if each not in _TELLING]
        refused = check.endswith("/quarantine_share")
        shown = table.select([*_TELLING, *others]) if refused else table
        rows = [list(row.values()) for row in shown.to_pylist()]
        emit_rows(shown.column_names, rows, first_out=others[::-1] if refused else ())


def _say_verdict(report: AuditReport) -> None:
    """Print how many checks passed, warned and failed."""
    reused = sum(1 for result in report.results if result.reused)
    known = "all" if reused == len(report.results) else f"{number(reused)} of them"
    again = f" ({known} reused)" if reused else ""
    say(f"{report.ref} ({short(report.commit)}): {report.counted}{again}, in {seconds(report.seconds)}.")


def tell_report(report: AuditReport) -> dict[str, Any]:
    """Return an audit for JSON output."""
    return {
        "ref": report.ref,
        "commit": report.commit,
        "base": report.base,
        "passed": report.passed,
        "started_at": report.started_at,
        "seconds": report.seconds,
        "checks": [asdict(result) for result in report.results],
    }


def tell_rows(samples: dict[str, pa.Table | None]) -> dict[str, list[dict[str, Any]]]:
    """Return rows for JSON output."""
    return {check: [] if table is None else table.to_pylist() for check, table in samples.items()}
