"""`lagoa rebase`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_branch, complete_table
from lagoa.cli.console import emit_json, emit_table, hint, say, short
from lagoa.cli.options import DryRunOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.publish.rebase import RebaseResult, TableRebase


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
        emit_json(
            {
                "branch": result.branch,
                "onto": result.onto,
                "commit": result.commit,
                "tables": {
                    str(each.table): {"how": each.how, "writes": each.writes, "dropped": list(each.dropped)}
                    for each in result.tables
                },
            }
        )
        return
    if result.commit is None and not result.tables:
        say(f"Nothing to do: {branch} has all of main.")
        return
    _say(result)
    if dry_run:
        hint(f"Nothing was done. Next: `lagoa rebase {branch}`.")
    else:
        hint(f"`lagoa publish {branch}` publishes it.")


def _say(result: RebaseResult) -> None:
    if result.tables:
        emit_table(("table", "becomes"), ((str(each.table), _told(each)) for each in result.tables))
    if result.commit is not None:
        say(f"{result.branch} is at {short(result.commit)}, on main at {short(result.onto)}.")


def _told(table: TableRebase) -> str:
    done = {
        "kept": "as it is on the branch: main did not change it",
        "replayed": f"{counted(table.writes, 'write')} done again on main's state",
        "built": "its model runs again",
        "ours": "as it is on the branch",
        "theirs": "as it is on main",
    }[table.how]
    left_out = f"; left out, as main has it: {', '.join(table.dropped)}" if table.dropped else ""
    return f"{done}{left_out}"
