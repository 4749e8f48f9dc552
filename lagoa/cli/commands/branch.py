"""`lagoa branch`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_branch
from lagoa.cli.console import emit_json, hint, say, short
from lagoa.cli.options import DryRunOption, JsonOption, YesOption, confirm, open_here
from lagoa.cli.progress import working
from lagoa.cli.refs import FromOption, NameArgument, delete_refs, show_branches
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.review.overview import BranchState

branch = typer.Typer(add_completion=False, no_args_is_help=True, help="Branches: list, create, delete.")


@branch.command("list")
def branch_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the branches with their state against main."""
    with open_here(ctx) as lake, working("comparing with main"):
        states = lake.branches()
    if as_json:
        emit_json([asdict(state) for state in states])
        return
    show_branches(states)


@branch.command("create")
def branch_create(ctx: typer.Context, name: NameArgument, source: FromOption = "main") -> None:
    """Create a branch: a name for a commit; no data is copied."""
    with open_here(ctx) as lake, working(f"creating {name}"):
        made = lake.create_branch(name, source)
        head = short(made.head)
    say(f"{made.name} begins at {source} ({head}).")
    hint(f"Next: `lagoa ingest FILE --into TABLE --branch {name}`.")


@branch.command("delete")
def branch_delete(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Their names.", autocompletion=complete_branch)
    ] = None,
    *,
    merged: Annotated[bool, typer.Option("--merged", help="All branches of which main has every commit.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Delete branches; commits that other refs reach stay."""
    if merged == bool(names):
        raise typer.BadParameter("Name branches, or give --merged for all of which main has every commit.")
    if names and dry_run:
        raise typer.BadParameter("--dry-run goes with --merged.")
    if names:
        delete_refs(ctx, "branch", names)
        return
    with open_here(ctx) as lake:
        with working("comparing with main"):
            had = [state for state in lake.branches() if state.name != "main" and not state.ahead]
        found = [state for state in had if not _is_new_run(state)]
        if found:
            show_branches(found)
        else:
            hint("No branch is deleted." if had else "There is no branch of which main has every commit.")
        if left := len(had) - len(found):
            which = "1 branch of a run that began" if left == 1 else f"{left} branches of runs that began"
            hint(f"Left alone: {which} less than a day ago and may go on. `lagoa branch delete NAME` deletes one.")
        if dry_run or not found:
            return
        confirm(f"Delete {counted(len(found), 'branch', 'branches')}?", yes=yes)
        for state in found:
            with working(f"deleting {state.name}"):
                lake.delete_ref(state.name, state.commit)  # not if somebody has written to it meanwhile
            say(f"Deleted {state.name}, which was at {short(state.commit)}.")


def _is_new_run(state: BranchState) -> bool:
    """Return whether a run may be working on a branch that it has not written to yet."""
    age = None if state.created_at is None else datetime.now(UTC) - state.created_at
    return state.name.startswith("run/") and (age is None or age < timedelta(days=1))
