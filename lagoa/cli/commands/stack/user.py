"""`lagoa stack user`: who signs in to Trino."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.commands.stack.here import stack_here
from lagoa.cli.console import emit_json, emit_table, hint, say
from lagoa.cli.options import JsonOption
from lagoa.domain.roles import SqlRole

if TYPE_CHECKING:
    from lagoa.stack.servers.trino.users import Users

user = typer.Typer(
    add_completion=False, no_args_is_help=True, help="People and programs that query published data over SQL."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]
VolumesOption = Annotated[
    Path | None, typer.Option("--volumes", metavar="DIR", help="Where the volumes of docker-compose.yml are.")
]


@user.command("add")
def user_add(
    ctx: typer.Context,
    name: NameArgument,
    role: Annotated[SqlRole, typer.Option("--role", help="The role, which decides what the user sees.")] = "reader",
    volumes: VolumesOption = None,
) -> None:
    """Add a user who can sign in to Trino a second later; print the password, which is not stored."""
    say(_users(ctx, volumes).add(name, role))
    hint(f"This is the password of {name}, shown only now. docs/bi.md says how to connect.")


@user.command("list")
def user_list(ctx: typer.Context, volumes: VolumesOption = None, as_json: JsonOption = False) -> None:
    """List the users and their roles."""
    users = _users(ctx, volumes).all()
    if as_json:
        emit_json([{"name": name, "role": role} for name, role in users.items()])
    else:
        emit_table(("user", "role"), users.items())


@user.command("remove")
def user_remove(ctx: typer.Context, name: NameArgument, volumes: VolumesOption = None) -> None:
    """Remove a user, who cannot sign in any more a second later."""
    _users(ctx, volumes).remove(name)
    say(f"{name} is removed.")


def _users(ctx: typer.Context, volumes: Path | None) -> Users:
    return stack_here(ctx).users(volumes)
