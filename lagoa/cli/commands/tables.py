"""`lagoa tables`."""

from __future__ import annotations

import typer

from lagoa.cli.console import age, emit_json, emit_table, hint, size
from lagoa.cli.options import JsonOption, RefArgument, SameRefOption, either, open_here
from lagoa.cli.progress import working
from lagoa.cli.table_states import number_of, tell_table


def tables(
    ctx: typer.Context,
    ref: RefArgument = None,
    same_ref: SameRefOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the tables of a ref with their rows, files and sizes."""
    ref = either(ref, same_ref, "main")
    with open_here(ctx) as lake, working(f"reading {ref}"):
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
