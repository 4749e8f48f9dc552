"""What `lagoa branch` and `lagoa tag` share, and how branches are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lagoa.cli.completion import complete_ref
from lagoa.cli.console import age, emit_table, number, say, short
from lagoa.cli.options import open_here
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.review.overview import BranchState

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
FromOption = Annotated[
    str,
    typer.Option("--from", metavar="REF", help="The ref to start from.", autocompletion=complete_ref),
]


def show_branches(states: Sequence[BranchState]) -> None:
    """Print branches with their state against main."""
    emit_table(
        ("branch", "commit", "state", "last commit", "message"),
        ((s.name, short(s.commit), state_of(s), age(s.committed_at), s.message) for s in states),
        whole=("state", "last commit"),
        first_out=("message", "last commit"),
    )


def state_of(branch: BranchState) -> str:
    """Return how a branch compares with main, in words."""
    if branch.name == "main":
        return ""
    ahead = f"{number(branch.ahead)} ahead of main" if branch.ahead else "main has all of it"
    return f"{ahead}, {number(branch.behind)} behind" if branch.behind else ahead


def delete_refs(ctx: typer.Context, kind: Literal["branch", "tag"], names: Sequence[str]) -> None:
    """Remove refs, none of them unless all are there and of this kind; raises `RefNotFound`."""
    from lagoa.errors import RefNotFound

    with open_here(ctx) as lake:
        found = [lake.ref(name) for name in names]
        for ref in found:
            if ref.kind != kind:
                advice = f"`lagoa {ref.kind} delete {ref.name}` deletes it."
                raise RefNotFound(ref.name, f"it is a {ref.kind}, not a {kind}", advice)
        for ref in found:
            with working(f"deleting {ref.name}"):
                lake.delete_ref(ref.name)
            say(f"Deleted {ref.name}, which was at {short(ref.commit)}.")
