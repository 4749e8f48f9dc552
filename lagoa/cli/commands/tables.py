"""`lagoa tables`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.console import age, emit_json, emit_table, hint, size
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.table_states import number_of, tell_table


def tables(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help="A branch, a tag or another ref.")] = "main",
    as_json: JsonOption = False,
) -> None:
    """List the tables of a ref with their rows, files and sizes."""
    with open_here(ctx) as lake:
        states = lake.describe(ref)
    if as_json:
        emit_json([tell_table(state) for state in states])
        return
    emit_table(
        ("table", "rows", "files", "size", "written"),
        (
            (
                str(s.table),
                number_of(s.rows),
                number_of(s.files),
                "" if s.bytes is None else size(s.bytes),
                age(s.updated_at),
            )
            for s in states
        ),
        right=("rows", "files", "size"),
    )
    if not states:
        hint(f"There are no tables at {ref} yet. Next: `lagoa contract infer FILE --table LAYER.TABLE`.")
