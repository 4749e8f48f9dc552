"""`lagoa publish`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, hint, say
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.publications import publish_branch, say_published, tell_publication


def publish(
    ctx: typer.Context,
    branch: Annotated[
        str, typer.Argument(metavar="BRANCH", help="The branch to publish.", autocompletion=complete_branch)
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="The message in the log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Move main to a branch's changes, if every check passes there."""
    with open_here(ctx) as lake:
        publication = publish_branch(lake.branch(branch), message)
    if as_json:
        emit_json(None if publication is None else tell_publication(publication))
    elif publication is None:
        say(f"Nothing to publish: main has all of {branch}.")
    else:
        say_published(publication)
        hint(f"{branch} stays; `lagoa branch delete {branch}` removes it.")
