"""`lagoa rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import count, emit_json, hint, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import say_published, tell_publication

if TYPE_CHECKING:
    from lagoa.domain.receipts import Publication


def rollback(
    ctx: typer.Context,
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", help="The state to go back to, such as main~1.", autocompletion=complete_ref),
    ],
    hold: Annotated[
        bool, typer.Option("--hold", help="Refuse the batches that thereby leave main when they are sent again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish an earlier state of main again."""
    from lagoa.errors import NothingToPublish

    with open_here(ctx) as lake, working(f"going back to {ref}"):
        try:
            publication = lake.rollback(ref, hold=hold)
        except NothingToPublish:
            publication = None
    if as_json:
        emit_json(None if publication is None else tell_publication(publication))
    elif publication is None:
        say(f"Nothing to do: main's tables are those of {ref}.")
    else:
        say_published(publication)
        _say_unseen(publication)
        hint(f"`lagoa rollback main@{short(publication.previous)}` takes this back.")


def _say_unseen(publication: Publication) -> None:
    if not publication.unseen:
        return
    say(f"{count(len(publication.unseen), 'batch', 'batches')} left main:")
    for batch in publication.unseen:
        say(f"  {batch}")
    if publication.held:
        hint("They are refused when they are sent again with the same content.")
    else:
        hint("They load again when they are sent again; `lagoa rollback REF --hold` refuses them.")
