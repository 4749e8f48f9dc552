"""What the commands share that show audits: `lagoa audit` and its report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import count, emit_rows, emit_table, number, paint, say, seconds, short, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lagoa.domain.checks import AuditReport, CheckResult
    from lagoa.lake import Lake

_ROWS = 20
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
    lake: Lake, report: AuditReport, results: Iterable[CheckResult] | None = None
) -> dict[str, pa.Table | None]:
    """Return rows of each check that did not pass."""
    bad = (each for each in (report.results if results is None else results) if each.outcome in {"failed", "warned"})
    return {each.check: lake.failing_rows(report, each.check, _ROWS) for each in bad}


def say_results(results: Iterable[CheckResult]) -> None:
    """Print a table of results."""
    results = list(results)
    if results:
        emit_table(
            ("check", "outcome", "figure", "expected", "owner", "message"),
            (
                (
                    r.check,
                    paint(r.outcome, COLOURS[r.outcome]),
                    r.shown,
                    r.threshold,
                    r.owner,
                    "" if r.outcome == "passed" else shorten(r.message, 100),
                )
                for r in results
            ),
            right=("figure",),
        )


def say_rows(samples: dict[str, pa.Table | None]) -> None:
    """Print the rows that checks failed for."""
    for check, table in samples.items():
        if table is None or table.num_rows == 0:
            continue
        say("")
        say(f"{check}: {'the first ' if table.num_rows == _ROWS else ''}{count(table.num_rows, 'row')}")
        emit_rows(table.column_names, [list(row.values()) for row in table.to_pylist()])
    if samples:
        say("")


def say_verdict(report: AuditReport) -> None:
    """Print how many checks passed, warned and failed."""
    outcomes = [result.outcome for result in report.results]
    parts = [
        f"{number(outcomes.count(o))} {o}" for o in ("passed", "warned", "failed", "not evaluated") if o in outcomes
    ]
    reused = sum(1 for result in report.results if result.reused)
    known = "all" if reused == len(outcomes) else f"{number(reused)} of them"
    again = f" ({known} reused)" if reused else ""
    summary = ", ".join([count(len(outcomes), "check"), *parts]) + f"{again}, in {seconds(report.seconds)}"
    say(f"{report.ref} ({short(report.commit)}): {summary}.")


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
