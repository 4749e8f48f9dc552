"""`lagoa audit`: run the checks, and show stored audits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lagoa.cli.audits import (
    COLOURS,
    KeptArgument,
    failing,
    say_audit,
    tell_report,
    tell_rows,
)
from lagoa.cli.completion import complete_ref
from lagoa.cli.console import emit_json, emit_pairs, emit_table, hint, moment, say, short
from lagoa.cli.errors import EXIT_AUDIT_FAILED
from lagoa.cli.layout import Painted
from lagoa.cli.options import (
    CheckRowsOption,
    EveryCheckOption,
    FailedOption,
    JsonOption,
    PersonalOption,
    SameRefOption,
    either,
    open_here,
)
from lagoa.cli.progress import working
from lagoa.cli.publications import tell_approval
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from lagoa.audit.records import CheckRecord, KeptAudit
    from lagoa.domain.checks import AuditReport, CheckResult

_LISTED = 5
_RUN = "run"


class _WithDefault(TyperGroup):
    """The group of these commands, in which `audit REF` is `audit run REF`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named, or else the one that runs the checks."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return _RUN, self.commands[_RUN], args

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Offer the commands, and the refs that `audit REF` takes."""
        ref = self.commands[_RUN].params[0]
        return [*super().shell_complete(ctx, incomplete), *ref.shell_complete(ctx, incomplete)]


audit = typer.Typer(
    cls=_WithDefault,
    add_completion=False,
    no_args_is_help=True,
    help="Run the checks at a ref (`lagoa audit REF`), and show stored audits: show, history.",
    context_settings={"ignore_unknown_options": True},  # `lagoa audit --failed dev`: they are those of `run`
)


@audit.command(_RUN)
def audit_run(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    ref: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="The branch or other ref to check.", autocompletion=complete_ref),
    ] = None,
    same_ref: SameRefOption = None,
    *,
    every: EveryCheckOption = False,
    failed: FailedOption = False,
    rows: CheckRowsOption = False,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every check at a ref; publishing does the same and moves main only if all pass."""
    ref = either(ref, same_ref, None)
    if ref is None:
        raise typer.BadParameter("Name the branch or other ref to check.")
    with open_here(ctx) as lake:
        with working(f"auditing {ref}") as tell:
            report = lake.audit(ref, on_done=lambda done, total: tell(f"auditing {ref}: {done}/{total} checks"))
            samples = failing(lake, report, personal=personal) if rows else {}
        publishable = ref != "main" and any(each.name == ref and each.kind == "branch" for each in lake.refs())
    if as_json:
        emit_json({**tell_report(report), "rows": tell_rows(samples)})
    else:
        say_audit(report, report.results, samples, passed=not (failed or rows), every=every)
        _hint_at_personal(samples, personal=personal)
        if report.passed and publishable:
            hint(f"Next: `lagoa publish {ref}`.")
        elif not report.passed:
            what = "This cannot be published." if publishable else "These checks do not pass here now."
            hint(what + ("" if rows else f" `lagoa audit {ref} --rows` shows the rows."))
            for table in report.refusing:
                hint(f"`lagoa quarantine show {table} --ref {ref}` shows the refused records.")
    if not report.passed:
        raise typer.Exit(EXIT_AUDIT_FAILED)


@audit.command("show")
def audit_show(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    ref: KeptArgument = None,
    same_ref: SameRefOption = None,
    *,
    check: Annotated[list[str] | None, typer.Option("--check", metavar="ID", help="Only this check.")] = None,
    every: EveryCheckOption = False,
    failed: FailedOption = False,
    rows: CheckRowsOption = False,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a stored audit: of a publication, passed or refused, or of a branch. No check is run."""
    ref = either(ref, same_ref, "main")
    with open_here(ctx) as lake, working("reading the audit"):
        kept = lake.audit_of(ref)
        results = _chosen(kept.report, check or [])
        samples = failing(lake, kept.report, results, personal=personal) if rows else {}
    if as_json:
        told = {**_tell_kept(kept), "checks": [asdict(each) for each in results]}
        emit_json({**told, "rows": tell_rows(samples)})
        return
    _say_kept(kept)
    say_audit(kept.report, results, samples, passed=not (failed or rows), every=every or bool(check))
    _hint_at_personal(samples, personal=personal)
    if kept.outdated:
        hint(f"{ref} has been worked on since: `lagoa audit run {ref}` checks what it is now.")
    if not rows and any(each.outcome != "passed" and each.samples_sql for each in results):
        hint(f"Next: `lagoa audit show {ref} --rows` shows the rows.")


@audit.command("history")
def audit_history(
    ctx: typer.Context,
    check: Annotated[str, typer.Argument(metavar="CHECK", help="The check's id, as `lagoa audit show` lists it.")],
    every: Annotated[bool, typer.Option("--all", help="Include audits that led to no publication.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="Show at most this many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show what a check found over the publications, newest first."""
    with open_here(ctx) as lake, working("reading audits"):
        records = lake.check_history(check, limit, every=every)
    if as_json:
        emit_json([_tell_record(each) for each in records])
        return
    emit_table(
        ("time", "commit", "branch", "outcome", "figure", "expected", "", "message"),
        (
            (
                moment(record.audit.published_at or record.audit.receipt.prepared_at),
                short(record.audit.receipt.commit),
                record.audit.receipt.branch,
                Painted(record.result.outcome, COLOURS[record.result.outcome]),
                record.result.shown,
                record.result.threshold,
                "" if record.audit.published_at else "not published",
                "" if record.result.outcome == "passed" else record.result.message,
            )
            for record in records
        ),
        right=("figure",),
        whole=("time", "outcome", ""),
        first_out=("message", "branch", "expected"),
    )


def _hint_at_personal(samples: Mapping[str, pa.Table | None], *, personal: bool) -> None:
    from lagoa.review.personal import HIDDEN

    shown = (row for rows in samples.values() if rows is not None for row in rows.to_pylist())
    if not personal and any(HIDDEN in row.values() for row in shown):
        hint("Personal data is masked; --personal shows it.")


def _tell_kept(kept: KeptAudit) -> dict[str, Any]:
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
        "git": receipt.git or None,
        "uncommitted": list(receipt.uncommitted),
        "approvals": [tell_approval(each) for each in receipt.approvals],
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
            ("changed", ", ".join(tables) if len(tables) <= _LISTED else counted(len(tables), "table")),
            *(("loosened", each) for each in receipt.loosened),
            *([("git", receipt.git)] if receipt.git else []),
            *(("uncommitted", each) for each in receipt.uncommitted),
            *(("approved by", each.shown) for each in receipt.approvals),
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
