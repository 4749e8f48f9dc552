"""`lagoa backfill`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.built import show_built, tell_built
from lagoa.cli.completion import complete_model
from lagoa.cli.options import BranchOption, EngineOption, JsonOption, open_here
from lagoa.cli.progress import counting, working
from lagoa.cli.publications import finish, place_of, publish_branch


def backfill(  # noqa: PLR0913, PLR0917 - options of the command
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="TABLE", help="The table of a model.", autocompletion=complete_model)],
    start: Annotated[
        str | None,
        typer.Option("--since", metavar="START", help="Where the first interval begins, such as 2026-03-01."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--until", metavar="END", help="Where the first interval begins that is left out.")
    ] = None,
    batch: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this batch of the input; may be repeated.")
    ] = None,
    branch: BranchOption = None,
    engine: EngineOption = None,  # noqa: ARG001 - kept by its callback
    as_json: JsonOption = False,
) -> None:
    """Build a model's table again though nothing changed: some intervals or batches of it, or the whole.

    Without --branch this is done on a branch of its own, which is audited and published.
    """
    if batch and (start or end):
        raise typer.BadParameter("--batch does not go with --since and --until.")
    publication = None
    with open_here(ctx) as lake, place_of(lake, "backfill", branch) as place:
        with working(f"building {model}") as tell:
            on_done = counting(tell, lambda: lake.models([model]))
            results = place.backfill(model, start=start, end=end, batches=batch or (), on_done=on_done)
        if not as_json:
            show_built(results)
        if branch is None:
            publication = publish_branch(lake, place, f"Build {model} again")
    finish([tell_built(result) for result in results], publication, place, branch=branch, as_json=as_json)
