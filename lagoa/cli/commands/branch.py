"""`lagoa branch`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, hint, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.refs import FromOption, NameArgument, delete_refs, show_branches

branch = typer.Typer(add_completion=False, no_args_is_help=True, help="Branches: list, create, delete.")


@branch.command("list")
def branch_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the branches with their state against main."""
    with open_here(ctx) as lake:
        states = lake.branches()
    if as_json:
        emit_json([asdict(state) for state in states])
        return
    show_branches(states)


@branch.command("create")
def branch_create(ctx: typer.Context, name: NameArgument, source: FromOption = "main") -> None:
    """Create a branch: a name for a commit; no data is copied."""
    with open_here(ctx) as lake:
        made = lake.create_branch(name, source)
        say(f"{made.name} begins at {source} ({short(made.head)}).")
    hint(f"Next: `lagoa ingest FILE --into TABLE --branch {name}`.")


@branch.command("delete")
def branch_delete(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Their names.", autocompletion=complete_branch)],
) -> None:
    """Delete branches; commits that other refs reach stay."""
    delete_refs(ctx, "branch", names)
