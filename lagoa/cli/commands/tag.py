"""`lagoa tag`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_tag
from lagoa.cli.console import emit_json, emit_table, hint, moment, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.refs import FromOption, NameArgument, delete_refs

if TYPE_CHECKING:
    from lagoa.domain.refs import RefInfo

tag = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Tags, fixed names of commits: list, create, delete."
)


@tag.command("list")
def tag_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the tags."""
    with open_here(ctx) as lake, working("reading the tags"):
        tags = [ref for ref in lake.refs() if ref.kind == "tag"]
    if as_json:
        emit_json([_tell(ref) for ref in tags])
        return
    if not tags:
        say("There is no tag.")
        hint("Next: `lagoa tag create NAME` names the state of main.")
        return
    emit_table(
        ("tag", "commit", "created"),
        ((ref.name, short(ref.commit), moment(ref.created_at) if ref.created_at else "") for ref in tags),
    )


@tag.command("create")
def tag_create(ctx: typer.Context, name: NameArgument, source: FromOption = "main") -> None:
    """Create a tag: a fixed name for a commit."""
    with open_here(ctx) as lake, working(f"creating {name}"):
        made = lake.create_tag(name, source)
    say(f"{made.name} names {source} ({short(made.commit)}).")


@tag.command("delete")
def tag_delete(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Their names.", autocompletion=complete_tag)],
) -> None:
    """Delete tags."""
    delete_refs(ctx, "tag", names)


def _tell(ref: RefInfo) -> dict[str, Any]:
    return {"name": ref.name, "commit": ref.commit, "created_at": ref.created_at}
