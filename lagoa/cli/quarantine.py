"""`lagoa quarantine`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lagoa.cli.console import count, emit_json, emit_table, hint, moment, number, one_line, say, short, shorten
from lagoa.cli.fates import BatchOption, RuleOption, TableArgument, WhereOption, discard, fix, retry
from lagoa.cli.options import JsonOption, RefOption, open_here
from lagoa.domain.selection import Selection

if TYPE_CHECKING:
    from lagoa.quarantine import RefusedCount, RefusedRecord

quarantine = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Records that were refused: list, show, batches, export, retry, fix, discard.",
)
for _command in (retry, fix, discard):
    quarantine.command(_command.__name__)(_command)


@quarantine.command("list")
def quarantine_list(ctx: typer.Context, ref: RefOption = "main", as_json: JsonOption = False) -> None:
    """List the records that wait in quarantine by table, rule and batch."""
    with open_here(ctx) as lake:
        refused = lake.quarantine(ref)
    if as_json:
        emit_json([_tell_count(each) for each in refused])
        return
    if not refused:
        say(f"No record waits in quarantine at {ref}.")
        return
    emit_table(
        ("table", "rule", "records", "source", "batch", "first refused"),
        ((str(r.table), r.rule, number(r.records), r.source, r.batch, moment(r.first_seen)) for r in refused),
        right=("records",),
    )
    at = "" if ref == "main" else f" --ref {ref}"
    hint(f"Next: `lagoa quarantine show {refused[0].table}{at}`.")


@quarantine.command("show")
def quarantine_show(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    ref: RefOption = "main",
    rule: RuleOption = None,
    batch: BatchOption = None,
    fate: Annotated[
        Literal["waiting", "accepted", "discarded", "any"], typer.Option(help="Only those of this fate.")
    ] = "waiting",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="So many records at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the records that a table refused: place, reason, what stood in the file, and what became of them."""
    wanted = None if fate == "any" else fate
    with open_here(ctx) as lake:
        refused = lake.refused_records(table, ref, Selection(rule, batch), fate=wanted, limit=limit + 1)
    shown, more = refused[:limit], len(refused) > limit
    if as_json:
        emit_json([_tell_record(each) for each in shown])
        return
    if not shown:
        kind = "record is in quarantine" if wanted is None else f"{fate} record is in quarantine"
        say(f"No {kind} for {table} at {ref}" + (f" by {rule}." if rule else "."))
        return
    columns = ["source", "record", "rule", "reason", "what stood there"]
    emit_table(
        columns if fate == "waiting" else [*columns, "fate"],
        (_row(each) if fate == "waiting" else [*_row(each), _fate(each)] for each in shown),
        right=("record",),
    )
    if more:
        hint(f"These are the first {count(limit, 'record')}; there are more: --limit N.")


@quarantine.command("batches")
def quarantine_batches(
    ctx: typer.Context, table: TableArgument, ref: RefOption = "main", as_json: JsonOption = False
) -> None:
    """List a table's batches: the records received, and where they are now."""
    with open_here(ctx) as lake:
        batches = lake.batches(table, ref)
    if as_json:
        emit_json([asdict(each) | {"gone": each.gone} for each in batches])
        return
    figures = ("received", "rows", "accepted", "waiting", "discarded", "gone")
    emit_table(
        ("batch", *figures),
        ([each.batch, *(number(getattr(each, figure)) for figure in figures)] for each in batches),
        right=figures,
    )


@quarantine.command("export")
def quarantine_export(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file: .jsonl for JSON lines, else CSV.")],
    *,
    ref: RefOption = "main",
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the records that wait to a file that can be edited and handed back by `fix --file`."""
    with open_here(ctx) as lake:
        result = lake.export_quarantine(table, file, ref, Selection(rule, batch, where))
    if as_json:
        emit_json({"table": str(result.table), "file": file, "records": result.records, "raw": result.raw})
        return
    unsplit = f"; {number(result.raw)} of them could not be split into columns" if result.raw else ""
    say(f"{count(result.records, 'record')} written to {file}{unsplit}.")
    if result.records:
        hint(f"Next: edit it, then `lagoa quarantine fix {table} --file {file}`.")


def _row(record: RefusedRecord) -> list[str]:
    raw = shorten(one_line(_raw(record).rstrip()))
    return [record.source, number(record.record), record.rule, shorten(record.reason), raw]


def _fate(record: RefusedRecord) -> str:
    if record.fate_at is None:
        return record.fate
    place = f" in {record.fate_batch}" if record.fate_batch else ""
    commit = f" ({short(record.fate_commit)})" if record.fate_commit else ""
    return f"{record.fate}{place}{commit} by {record.fate_by}, {moment(record.fate_at)}: {record.fate_reason}"


def _raw(record: RefusedRecord) -> str:
    return record.raw.decode("utf-8", "backslashreplace") if record.raw is not None else ""


def _tell_count(refused: RefusedCount) -> dict[str, Any]:
    return {
        "table": str(refused.table),
        "rule": refused.rule,
        "batch": refused.batch,
        "source": refused.source,
        "records": refused.records,
        "first_refused_at": refused.first_seen,
    }


def _tell_record(record: RefusedRecord) -> dict[str, Any]:
    return {
        "rule": record.rule,
        "column": record.column,
        "reason": record.reason,
        "record": record.record,
        "byte_offset": record.byte_offset,
        "raw": _raw(record),
        "source": record.source,
        "batch": record.batch,
        "quarantined_at": record.quarantined_at,
        "fate": record.fate,
        "fate_by": record.fate_by,
        "fate_at": record.fate_at,
        "fate_reason": record.fate_reason,
        "fate_batch": record.fate_batch,
        "fate_commit": record.fate_commit,
        "fixed": dict(record.fixed),
    }
