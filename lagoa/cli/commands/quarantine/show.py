"""`lagoa quarantine show`."""

from __future__ import annotations

import sys
from dataclasses import replace
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lagoa.cli.commands.quarantine.selection import BatchOption, RuleOption, TableArgument
from lagoa.cli.console import emit_json, emit_table, hint, moment, number, one_line, say, short, shorten
from lagoa.cli.options import JsonOption, PersonalOption, RefOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.quarantine import RefusedRecord


def show(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    *,
    ref: RefOption = "main",
    rule: RuleOption = None,
    batch: BatchOption = None,
    fate: Annotated[
        Literal["waiting", "accepted", "discarded", "any"], typer.Option(help="Only those of this fate.")
    ] = "waiting",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show at most this many records.")] = 20,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the records that a table refused: place, reason, received text, and their fate."""
    from lagoa.contracts.quarantine import has_personal_values

    wanted = None if fate == "any" else fate
    with open_here(ctx) as lake, working("reading the quarantine"):
        refused = lake.refused_records(table, ref, Selection(rule, batch), fate=wanted, limit=limit + 1)
        contract = lake.context.contracts.get(TableName.parse(table))
    hides = not personal and (contract is None or has_personal_values(contract))
    encoding = contract.source.encoding if contract and contract.source and not hides else "utf-8"
    first, more = refused[:limit], len(refused) > limit
    if hides:
        first = [_masked(each) for each in first]
    if as_json:
        emit_json([_tell(each, encoding) for each in first])
        return
    if not first:
        kind = "record is in quarantine" if wanted is None else f"{fate} record is in quarantine"
        say(f"No {kind} for {table} at {ref}" + (f" by {rule}." if rule else "."))
        return
    columns = ["source", "record", "rule", "reason", "received", *([] if fate == "waiting" else ["fate"])]
    rows = [[*_row(each, encoding), *([] if fate == "waiting" else [_fate(each)])] for each in first]
    if sys.stdout.isatty():  # texts that matter most, and are too wide for columns
        for row in rows:
            _show_one(*row)
    else:
        emit_table(columns, rows, right=("record",))
    if more:
        hint(f"These are the first {counted(limit, 'record')}; there are more: --limit N.")
    if hides:
        hint("Records with personal data are masked; --personal shows them.")


def _row(record: RefusedRecord, encoding: str) -> list[str]:
    from lagoa.formats.shared.shown import shown

    return [record.source, number(record.record), record.rule, record.reason, shown(record.raw, encoding).rstrip()]


def _show_one(source: str, record: str, rule: str, reason: str, *texts: str) -> None:
    say(one_line(f"{source}, record {record}: {rule}"))
    room = get_terminal_size().columns - 2
    for line in wrap(one_line(reason), max(room, 1), break_long_words=False, break_on_hyphens=False):
        say(f"  {line}")
    for text in texts:
        say(f"  {shorten(one_line(text), room)}")


def _masked(record: RefusedRecord) -> RefusedRecord:
    from lagoa.review.personal import HIDDEN

    return replace(record, raw=HIDDEN.encode(), fixed=dict.fromkeys(record.fixed, HIDDEN))


def _fate(record: RefusedRecord) -> str:
    if record.fate_at is None:
        return record.fate
    place = f" in {record.fate_batch}" if record.fate_batch else ""
    commit = f" ({short(record.fate_commit)})" if record.fate_commit else ""
    return f"{record.fate}{place}{commit} by {record.fate_by}, {moment(record.fate_at)}: {record.fate_reason}"


def _tell(record: RefusedRecord, encoding: str) -> dict[str, Any]:
    from lagoa.formats.shared.shown import shown

    return {
        "rule": record.rule,
        "column": record.column,
        "reason": record.reason,
        "record": record.record,
        "byte_offset": record.byte_offset,
        "raw": shown(record.raw, encoding),
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
