"""`lagoa quarantine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.console import count, emit_json, emit_table, hint, moment, number, one_line, say, shorten
from lagoa.cli.options import JsonOption, RefOption, open_here

if TYPE_CHECKING:
    from lagoa.quarantine import RefusedCount, RefusedRecord

quarantine = typer.Typer(add_completion=False, no_args_is_help=True, help="Records that were refused: list, show.")


@quarantine.command("list")
def quarantine_list(ctx: typer.Context, ref: RefOption = "main", as_json: JsonOption = False) -> None:
    """List the records in quarantine by table, rule and batch."""
    with open_here(ctx) as lake:
        refused = lake.quarantine(ref)
    if as_json:
        emit_json([_tell_count(each) for each in refused])
        return
    if not refused:
        say(f"No record is in quarantine at {ref}.")
        return
    emit_table(
        ("table", "rule", "records", "source", "batch", "first refused"),
        ((str(r.table), r.rule, number(r.records), r.source, r.batch, moment(r.first_seen)) for r in refused),
        right=("records",),
    )
    at = "" if ref == "main" else f" --ref {ref}"
    hint(f"Next: `lagoa quarantine show {refused[0].table}{at}`.")


@quarantine.command("show")
def quarantine_show(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table that refused them: layer.table.")],
    ref: RefOption = "main",
    rule: Annotated[str | None, typer.Option(metavar="RULE", help="Only those that broke this rule.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="So many records at most.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the records that a table refused: place, reason, and what stood in the file."""
    with open_here(ctx) as lake:
        refused = lake.refused_records(table, ref, rule=rule, limit=limit + 1)
    shown, more = refused[:limit], len(refused) > limit
    if as_json:
        emit_json([_tell_record(each) for each in shown])
        return
    if not shown:
        say(f"{table} refused no record at {ref}" + (f" by {rule}." if rule else "."))
        return
    emit_table(
        ("source", "record", "rule", "reason", "what stood there"),
        ((r.source, number(r.record), r.rule, shorten(r.reason), shorten(one_line(_raw(r).rstrip()))) for r in shown),
        right=("record",),
    )
    if more:
        hint(f"These are the first {count(limit, 'record')}; there are more: --limit N.")


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
    }
