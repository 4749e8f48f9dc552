"""`lagoa rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import emit_json, hint, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import follow_features, say_published, tell_publication
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.domain.receipts import Publication


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
        _say_unseen(publication)
        hint(f"`lagoa rollback main@{short(publication.previous)}` undoes this.")


def _say_unseen(publication: Publication) -> None:
    if not publication.unseen:
        return
    say(f"{counted(len(publication.unseen), 'batch was', 'batches were')} removed from main:")
    for batch in publication.unseen:
        say(f"  {batch}")
    if publication.held:
        hint("The same content is refused if it is loaded again.")
    else:
        hint("The same content can be loaded again; `lagoa rollback REF --hold` refuses it.")
