"""`lagoa revert`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import emit_json, hint, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import follow_features, say_published, say_unseen, tell_publication


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
    from lagoa.errors import NothingToPublish

    with open_here(ctx) as lake:
        try:
            with working(f"undoing {publication}"):
                done = lake.revert(publication, hold=hold)
        except NothingToPublish:
            done = None
        else:
            follow_features(lake, leave_out=True)  # what was taken back does not stay online
    if as_json:
        emit_json(None if done is None else tell_publication(done))
    elif done is None:
        say(f"Nothing to do: main has nothing of {publication} any more.")
    else:
        say_published(done)
        say_unseen(done)
        hint(f"`lagoa rollback main@{short(done.previous)}` undoes this.")
