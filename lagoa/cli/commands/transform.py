"""`lagoa transform`: without a branch on one of its own, audited and published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.built import show_built, tell_built
from lagoa.cli.completion import complete_branch
from lagoa.cli.options import EngineOption, JsonOption, SelectOption, either, open_here
from lagoa.cli.progress import counting, working
from lagoa.cli.publications import finish, place_of, publish_branch, repeated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from lagoa.branch import Branch
    from lagoa.domain.receipts import Publication
    from lagoa.lake import Lake
    from lagoa.sql_models.run import ModelResult


def transform(
    ctx: typer.Context,
    branch: Annotated[
        str | None,
        typer.Argument(
            metavar="BRANCH",
            help="What is written: this branch; nothing is published then.",
            autocompletion=complete_branch,
        ),
    ] = None,
    same_branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="BRANCH", help="The same as BRANCH.", autocompletion=complete_branch),
    ] = None,
    *,
    select: SelectOption = None,
    engine: EngineOption = None,  # noqa: ARG001 - kept by its callback
    as_json: JsonOption = False,
) -> None:
    """Run the models whose inputs, SQL or contract have changed.

    Without a branch this is done on a branch of its own, which is audited and published.
    """
    branch = either(branch, same_branch, None)

    def build(place: Branch) -> tuple[Branch, Sequence[ModelResult], Publication | None]:
        with working("running models") as tell:
            results = place.transform(select, on_done=counting(tell, lambda: lake.models(select)))
        if not as_json:
            show_built(results)
        return place, results, publish_branch(lake, place, "Run the models") if branch is None else None

    with open_here(ctx) as lake:
        place, results, publication = repeated(lake, lambda: _place(lake, branch), build)
    finish([tell_built(result) for result in results], publication, place, branch=branch, as_json=as_json)


def _place(lake: Lake, branch: str | None) -> AbstractContextManager[Branch]:
    """Return where the models are run; a model or layer in the place of the branch is taken for a slip."""
    from lagoa.errors import RefNotFound

    try:
        return place_of(lake, "transform", branch)
    except RefNotFound as error:
        if any(branch in {str(table), table.layer} for table in lake.models()):
            advice = f"The argument is a branch; for models it is `lagoa transform --select {branch}`."
            raise RefNotFound(error.ref, advice=advice) from error
        raise
