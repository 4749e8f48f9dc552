"""`lagoa quarantine export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.commands.quarantine.selection import BatchOption, RuleOption, TableArgument, WhereOption
from lagoa.cli.console import emit_json, hint, number, say
from lagoa.cli.options import JsonOption, RefOption, either, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted
from lagoa.domain.selection import Selection

if TYPE_CHECKING:
    from lagoa.lake import Lake


def export(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    table: TableArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A new file: .jsonl for JSON lines, else CSV.")
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The same as FILE.")] = None,
    ref: RefOption = "main",
    rule: RuleOption = None,
    batch: BatchOption = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the waiting records to a file to edit and to give to `fix --file`."""
    target = either(file, output, None)
    if target is None:
        raise typer.BadParameter("Name the file to write: FILE, or --output FILE.")
    with open_here(ctx) as lake, working("writing records"):
        on = _branch_of(lake, ref)
        result = lake.export_quarantine(table, target, ref, Selection(rule, batch, where))
    if as_json:
        emit_json({"table": str(result.table), "file": target, "records": result.records, "raw": result.raw})
        return
    unsplit = f"; {number(result.raw)} of them could not be split into columns" if result.raw else ""
    say(f"{counted(result.records, 'record')} written to {target}{unsplit}.")
    if result.records:
        hint(f"Next: edit it, then `lagoa quarantine fix {table} --file {target}{on}`.")


def _branch_of(lake: Lake, ref: str) -> str:
    """Return the option by which the records of a ref are fixed where they are: on that branch, or for main on none."""
    if ref == "main":
        return ""
    there = any(each.name == ref and each.kind == "branch" for each in lake.refs())
    return f" --branch {ref if there else 'BRANCH'}"
