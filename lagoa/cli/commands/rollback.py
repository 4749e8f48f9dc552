"""`lagoa rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import emit_json, hint, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import follow_features, say_published, say_unseen, tell_publication


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
    from lagoa.errors import NothingToPublish

    with open_here(ctx) as lake:
        try:
            with working(f"going back to {ref}"):
                publication = lake.rollback(ref, hold=hold)
        except NothingToPublish:
            publication = None
        else:
            follow_features(lake, leave_out=True)  # what was taken back does not stay online
    if as_json:
        emit_json(None if publication is None else tell_publication(publication))
    elif publication is None:
        say(f"Nothing to do: main's tables are those of {ref}.")
    else:
        say_published(publication)
        say_unseen(publication)
        hint(f"`lagoa rollback main@{short(publication.previous)}` undoes this.")
