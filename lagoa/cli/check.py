"""`lagoa audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, emit_rows, emit_table, hint, number, paint, say, seconds, short, shorten
from lagoa.cli.errors import EXIT_AUDIT_FAILED
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.model import AuditReport, CheckResult

audit = typer.Typer(add_completion=False)

_ROWS = 20
_COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "not evaluated": "red"}


@audit.command()
def audit_(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch or other ref to check.")],
    failed: Annotated[bool, typer.Option("--failed", help="List only the checks that did not pass.")] = False,
    rows: Annotated[bool, typer.Option("--rows", help="Show the rows that checks failed for.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run every check at a ref; publishing does the same and moves main only if all pass."""
    with open_here(ctx) as lake:
        with working(f"auditing {ref}"):
            report = lake.audit(ref)
        publishable = ref != "main" and any(each.name == ref and each.kind == "branch" for each in lake.refs())
        samples = {}
        if rows:
            bad = (each for each in report.results if each.outcome in {"failed", "warned"})
            samples = {each.check: lake.failing_rows(report, each.check, _ROWS) for each in bad}
    if as_json:
        emit_json({**_tell(report), "rows": {name: _rows(table) for name, table in samples.items()}})
    else:
        _show([r for r in report.results if not (failed or rows) or r.outcome != "passed"])
        _show_rows(samples)
        _say_verdict(report)
        if report.passed and publishable:
            hint(f"Next: `lagoa publish {ref}`.")
        elif not report.passed:
            hint("This cannot be published." + ("" if rows else f" `lagoa audit {ref} --rows` shows the rows."))
    if not report.passed:
        raise typer.Exit(EXIT_AUDIT_FAILED)


def _show(results: Sequence[CheckResult]) -> None:
    if results:
        emit_table(
            ("check", "outcome", "figure", "wanted", "message"),
            (
                (
                    r.check,
                    paint(r.outcome, _COLOURS[r.outcome]),
                    "" if r.figure is None else number(int(r.figure) if r.figure == int(r.figure) else r.figure),
                    r.threshold,
                    "" if r.outcome == "passed" else shorten(r.message, 100),
                )
                for r in results
            ),
            right=("figure",),
        )


def _say_verdict(report: AuditReport) -> None:
    outcomes = [result.outcome for result in report.results]
    parts = [
        f"{number(outcomes.count(o))} {o}" for o in ("passed", "warned", "failed", "not evaluated") if o in outcomes
    ]
    reused = sum(1 for result in report.results if result.reused)
    known = "all" if reused == len(outcomes) else f"{number(reused)} of them"
    again = f" ({known} known from earlier)" if reused else ""
    told = ", ".join([count(len(outcomes), "check"), *parts]) + f"{again}, in {seconds(report.seconds)}"
    say(f"{report.ref} ({short(report.commit)}): {told}.")


def _show_rows(samples: dict[str, pa.Table | None]) -> None:
    for check, table in samples.items():
        if table is None or table.num_rows == 0:
            continue
        say("")
        say(f"{check}: {'the first ' if table.num_rows == _ROWS else ''}{count(table.num_rows, 'row')}")
        emit_rows(table.column_names, [list(row.values()) for row in table.to_pylist()])
    if samples:
        say("")


def _rows(table: pa.Table | None) -> list[dict[str, Any]]:
    return [] if table is None else table.to_pylist()


def _tell(report: AuditReport) -> dict[str, Any]:
    return {
        "ref": report.ref,
        "commit": report.commit,
        "base": report.base,
        "passed": report.passed,
        "started_at": report.started_at,
        "seconds": report.seconds,
        "checks": [asdict(result) for result in report.results],
    }
