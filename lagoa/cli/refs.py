"""`lagoa branch` and `lagoa tag`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lagoa.cli.console import age, count, emit_json, emit_table, hint, moment, number, say, short, shorten
from lagoa.cli.options import JsonOption, open_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.domain.refs import RefInfo
    from lagoa.review.overview import BranchState

branch = typer.Typer(add_completion=False, no_args_is_help=True, help="Branches: list, create, delete.")
tag = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Tags, names of commits that stay: list, create, delete."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME", help="Their names.")]
AtOption = Annotated[str, typer.Option("--at", metavar="REF", help="The ref it begins at.")]


@branch.command("list")
def branch_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the branches with their state against main."""
    with open_here(ctx) as lake:
        states = lake.branches()
    if as_json:
        emit_json([asdict(state) for state in states])
        return
    show_branches(states)


def show_branches(states: Sequence[BranchState]) -> None:
    """Print branches with their state against main."""
    emit_table(
        ("branch", "commit", "state", "last commit", "message"),
        ((s.name, short(s.commit), state_of(s), age(s.committed_at), shorten(s.message)) for s in states),
    )


def state_of(branch: BranchState) -> str:
    """Return how a branch stands to main, in words."""
    if branch.name == "main":
        return ""
    ahead = f"{count(branch.ahead, 'commit')} ahead of main" if branch.ahead else "main has all of it"
    return f"{ahead}, {number(branch.behind)} behind" if branch.behind else ahead


@branch.command("create")
def branch_create(ctx: typer.Context, name: NameArgument, at: AtOption = "main") -> None:
    """Make a branch: a name for a commit, no data is copied."""
    with open_here(ctx) as lake:
        made = lake.create_branch(name, at)
        say(f"{made.name} begins at {at} ({short(made.head)}).")
    hint(f"Next: `lagoa ingest FILE --into TABLE --branch {name}`.")


@branch.command("delete")
def branch_delete(ctx: typer.Context, names: NamesArgument) -> None:
    """Remove branches; the commits that others can reach stay."""
    _delete(ctx, "branch", names)


@tag.command("list")
def tag_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the tags."""
    with open_here(ctx) as lake:
        tags = [ref for ref in lake.refs() if ref.kind == "tag"]
    if as_json:
        emit_json([_tell(ref) for ref in tags])
        return
    emit_table(
        ("tag", "commit", "made"),
        ((ref.name, short(ref.commit), moment(ref.created_at) if ref.created_at else "") for ref in tags),
    )


@tag.command("create")
def tag_create(ctx: typer.Context, name: NameArgument, at: AtOption = "main") -> None:
    """Give a commit a name that stays."""
    with open_here(ctx) as lake:
        made = lake.create_tag(name, at)
    say(f"{made.name} names {at} ({short(made.commit)}).")


@tag.command("delete")
def tag_delete(ctx: typer.Context, names: NamesArgument) -> None:
    """Remove tags."""
    _delete(ctx, "tag", names)


def _delete(ctx: typer.Context, kind: Literal["branch", "tag"], names: Sequence[str]) -> None:
    from lagoa.errors import RefNotFound

    with open_here(ctx) as lake:
        found = [lake.ref(name) for name in names]
        for ref in found:
            if ref.kind != kind:
                raise RefNotFound(ref.name, f"it is a {ref.kind}, not a {kind}")
        for ref in found:
            lake.delete_ref(ref.name)
            say(f"{ref.name} is gone; it was at {short(ref.commit)}.")


def _tell(ref: RefInfo) -> dict[str, Any]:
    return {"name": ref.name, "commit": ref.commit, "created_at": ref.created_at}
