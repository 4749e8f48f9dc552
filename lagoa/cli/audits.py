"""`lagoa audit show`, `history` and `report`: audits that were kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import (
    count,
    emit_json,
    emit_pairs,
    emit_rows,
    emit_table,
    hint,
    moment,
    near,
    number,
    paint,
    say,
    seconds,
    short,
    shorten,
)
from lagoa.cli.options import CheckRowsOption, FailedOption, JsonOption, open_here

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lagoa.audit.records import CheckRecord, KeptAudit
    from lagoa.domain.checks import AuditReport, CheckResult
    from lagoa.lake import Lake

_ROWS = 20
_LISTED = 5
_COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "not evaluated": "red"}

KeptArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="A ref, a branch (its latest audit), or the id of a commit or a receipt."),
]


def audit_show(
    ctx: typer.Context,
    ref: KeptArgument = "main",
    check: Annotated[list[str] | None, typer.Option("--check", metavar="ID", help="Only this check.")] = None,
    failed: FailedOption = False,
    rows: CheckRowsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show an audit that was kept: of a publication, passed or refused, or of a branch. No check is run."""
    with open_here(ctx) as lake:
        kept = lake.audit_of(ref)
        results = _chosen(kept.report, check or [])
        samples = failing(lake, kept.report, results) if rows else {}
    if as_json:
        told = {**tell_kept(kept), "checks": [asdict(each) for each in results]}
        emit_json({**told, "rows": tell_rows(samples)})
        return
    _say_kept(kept)
    say_results(each for each in results if not (failed or rows) or each.outcome != "passed")
    say_rows(samples)
    say_verdict(kept.report)
    if kept.outdated:
        hint(f"{ref} has been worked on since: `lagoa audit run {ref}` checks what it is now.")
    if not rows and any(each.outcome != "passed" and each.samples_sql for each in results):
        hint(f"Next: `lagoa audit show {ref} --rows` shows the rows.")


def audit_history(
    ctx: typer.Context,
    check: Annotated[str, typer.Argument(metavar="CHECK", help="The check's id, as `lagoa audit show` lists it.")],
    every: Annotated[bool, typer.Option("--all", help="Audits that led to no publication, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="So many at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show what a check found over the publications, newest first."""
    with open_here(ctx) as lake:
        records = lake.check_history(check, limit, every=every)
    if as_json:
        emit_json([_tell_record(each) for each in records])
        return
    emit_table(
        ("time", "commit", "branch", "outcome", "figure", "wanted", "", "message"),
        (
            (
                moment(record.audit.published_at or record.audit.receipt.prepared_at),
                short(record.audit.receipt.commit),
                record.audit.receipt.branch,
                paint(record.result.outcome, _COLOURS[record.result.outcome]),
                record.result.shown,
                record.result.threshold,
                "" if record.audit.published_at else "not published",
                "" if record.result.outcome == "passed" else shorten(record.result.message, 100),
            )
            for record in records
        ),
        right=("figure",),
    )


def audit_report(
    ctx: typer.Context,
    ref: KeptArgument = "main",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; audit-<commit>.html by default.")
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="Show personal data in clear.")] = False,
) -> None:
    """Write an audit that was kept as one HTML file, with failing rows and the history of each check."""
    with open_here(ctx) as lake:
        kept = lake.audit_of(ref)
        target = output or Path(f"audit-{short(kept.receipt.commit)}.html")
        page = lake.audit_page(kept, personal=personal)
    target.write_text(page, "utf-8")
    say(f"{near(target.resolve())} is written: the audit of {kept.receipt.branch} ({short(kept.receipt.commit)}).")
    if not personal:
        hint("Personal data is masked in it; --personal shows it.")


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
            ("check", "outcome", "figure", "wanted", "owner", "message"),
            (
                (
                    r.check,
                    paint(r.outcome, _COLOURS[r.outcome]),
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
    again = f" ({known} known from earlier)" if reused else ""
    told = ", ".join([count(len(outcomes), "check"), *parts]) + f"{again}, in {seconds(report.seconds)}"
    say(f"{report.ref} ({short(report.commit)}): {told}.")


def tell_report(report: AuditReport) -> dict[str, Any]:
    """Return an audit as JSON tells it."""
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
    """Return rows as JSON tells them."""
    return {check: [] if table is None else table.to_pylist() for check, table in samples.items()}


def tell_kept(kept: KeptAudit) -> dict[str, Any]:
    """Return an audit that was kept as JSON tells it."""
    receipt = kept.receipt
    return {
        "receipt": receipt.id,
        "branch": receipt.branch,
        "author": receipt.author,
        "prepared_at": receipt.prepared_at,
        "for_publication": kept.for_publication,
        "published_at": kept.published_at,
        "outdated": kept.outdated,
        "tables": dict(receipt.tables),
        "contracts": dict(receipt.contracts),
        "unseen": list(receipt.unseen),
        "held": receipt.held,
        "loosened": list(receipt.loosened),
        "gating": receipt.report.gating,
        **tell_report(receipt.report),
    }


def _say_kept(kept: KeptAudit) -> None:
    receipt = kept.receipt
    tables = list(receipt.tables)
    emit_pairs(
        [
            ("audit of", f"{receipt.branch}, {kept.state}"),
            ("commit", f"{receipt.commit} on {short(receipt.base)}"),
            ("receipt", receipt.id),
            ("by", f"{receipt.author}, {moment(kept.published_at or receipt.prepared_at)}"),
            ("changed", ", ".join(tables) if len(tables) <= _LISTED else count(len(tables), "table")),
            *(("loosened", each) for each in receipt.loosened),
        ]
    )
    say("")


def _chosen(report: AuditReport, checks: list[str]) -> list[CheckResult]:
    """Return the results of some checks, of all when none is named; raises `QueryError`."""
    return [report.result(check) for check in checks] or list(report.results)


def _tell_record(record: CheckRecord) -> dict[str, Any]:
    receipt = record.audit.receipt
    return {
        **asdict(record.result),
        "receipt": receipt.id,
        "commit": receipt.commit,
        "branch": receipt.branch,
        "author": receipt.author,
        "prepared_at": receipt.prepared_at,
        "published_at": record.audit.published_at,
    }
