"""`lagoa rebase`."""

from __future__ import annotations

from typing import Annotated

import typer

from lagoa.cli.completion import complete_branch, complete_table
from lagoa.cli.console import emit_json, hint, say
from lagoa.cli.options import DryRunOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.rebases import say_rebase, tell_rebase


def rebase(
    ctx: typer.Context,
    branch: Annotated[
        str, typer.Argument(metavar="BRANCH", help="The branch that is behind main.", autocompletion=complete_branch)
    ],
    ours: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE", help="Keep the branch's state, though main changed it.", autocompletion=complete_table
        ),
    ] = None,
    theirs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE", help="Take main's state; the branch's is given up.", autocompletion=complete_table
        ),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a branch on main as it is now: what the branch did is done again there."""
    with open_here(ctx) as lake, working(f"rebasing {branch}"):
        result = lake.branch(branch).rebase(ours=ours or (), theirs=theirs or (), dry_run=dry_run)
    if as_json:
        emit_json(tell_rebase(result))
        return
    if result.commit is None and not result.tables:
        say(f"Nothing to do: {branch} has all of main.")
        return
    say_rebase(result)
    if dry_run:
        hint(f"Nothing was done. Next: `lagoa rebase {branch}`.")
    else:
        hint(f"`lagoa publish {branch}` publishes it.")
