"""`lagoa stack user`: who signs in to Trino."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lagoa.cli.commands.stack.here import stack_here
from lagoa.cli.console import emit_json, emit_table, hint, say
from lagoa.cli.options import JsonOption
from lagoa.cli.progress import working
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
SignIn = Literal["password", "keycloak"]
SignInOption = Annotated[
    SignIn, typer.Option("--sign-in", help="By a password of Trino's own, or at Keycloak, in a browser.")
]


@user.command("add")
def user_add(
    ctx: typer.Context,
    name: NameArgument,
    role: Annotated[SqlRole, typer.Option("--role", help="The role, which decides what the user sees.")] = "reader",
    sign_in: SignInOption = "password",
    volumes: VolumesOption = None,
) -> None:
    """Add a user who can sign in to Trino a second later; print the password, which is not stored."""
    users = _users(ctx, volumes, sign_in)
    if sign_in == "keycloak":
        people = stack_here(ctx).people()
        with working(f"adding {name}"):
            password = users.add_person(name, role, lambda: people.add(name, role))
        say(password)
        hint(f"This is the first password of {name}, shown only now: Keycloak asks for another. See docs/bi.md.")
    else:
        say(users.add(name, role))
        hint(f"This is the password of {name}, shown only now. docs/bi.md says how to connect.")


@user.command("list")
def user_list(
    ctx: typer.Context, sign_in: SignInOption = "password", volumes: VolumesOption = None, as_json: JsonOption = False
) -> None:
    """List the users and their roles."""
    known = _users(ctx, volumes, sign_in)
    with working("reading the users"):
        users = stack_here(ctx).people().all() if sign_in == "keycloak" else known.all()
    if as_json:
        emit_json([{"name": name, "role": role} for name, role in users.items()])
    else:
        emit_table(("user", "role"), users.items())


@user.command("remove")
def user_remove(
    ctx: typer.Context, name: NameArgument, sign_in: SignInOption = "password", volumes: VolumesOption = None
) -> None:
    """Remove a user, who cannot sign in any more a second later."""
    users = _users(ctx, volumes, sign_in)
    if sign_in == "keycloak":
        people = stack_here(ctx).people()
        with working(f"removing {name}"):
            users.remove_person(name, lambda: people.remove(name))
    else:
        users.remove(name)
    say(f"{name} is removed.")


def _users(ctx: typer.Context, volumes: Path | None, sign_in: SignIn) -> Users:
    if volumes and sign_in == "keycloak":
        raise typer.BadParameter("With containers, people are added on Keycloak's own page: docs/bi.md.")
    return stack_here(ctx).users(volumes)
