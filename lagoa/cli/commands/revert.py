"""`lagoa revert`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.publications import name_exactly, taken_back, tell_taken_back


def revert(
    ctx: typer.Context,
    publication: Annotated[
        str,
        typer.Argument(
            metavar="PUBLICATION", help="The publication to undo, such as main~2.", autocompletion=complete_ref
        ),
    ],
    hold: Annotated[
        bool, typer.Option("--hold", help="Refuse the batches that this removes from main if they are loaded again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Undo one publication, and keep the later ones."""
    with open_here(ctx) as lake:
        name_exactly(lake, publication)
        done = taken_back(lake, f"undoing {publication}", lambda: lake.revert(publication, hold=hold))
    tell_taken_back(done, f"Nothing to do: main has nothing of {publication} any more.", as_json=as_json)
