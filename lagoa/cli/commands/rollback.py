"""`lagoa rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.publications import name_exactly, taken_back, tell_taken_back


def rollback(
    ctx: typer.Context,
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", help="The state to return to, such as main~1.", autocompletion=complete_ref),
    ],
    hold: Annotated[
        bool, typer.Option("--hold", help="Refuse the batches that this removes from main if they are loaded again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish an earlier state of main again."""
    with open_here(ctx) as lake:
        name_exactly(lake, ref)
        done = taken_back(lake, f"going back to {ref}", lambda: lake.rollback(ref, hold=hold))
    tell_taken_back(done, f"Nothing to do: main's tables are those of {ref}.", as_json=as_json)
