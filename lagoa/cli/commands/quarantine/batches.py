"""`lagoa quarantine batches`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from lagoa.cli.commands.quarantine.selection import TableArgument
from lagoa.cli.console import emit_json, emit_table, number
from lagoa.cli.options import JsonOption, RefOption, open_here
from lagoa.cli.progress import working


def batches(ctx: typer.Context, table: TableArgument, ref: RefOption = "main", as_json: JsonOption = False) -> None:
    """List a table's batches: the records received, and where they are now."""
    with open_here(ctx) as lake, working("counting records"):
        batches = lake.batches(table, ref)
    if as_json:
        emit_json([asdict(each) | {"gone": each.gone} for each in batches])
        return
    figures = ("received", "rows", "accepted", "waiting", "discarded", "gone")
    emit_table(
        ("batch", *figures),
        ([each.batch, *(number(getattr(each, figure)) for figure in figures)] for each in batches),
        right=figures,
        whole=("batch",),
    )
