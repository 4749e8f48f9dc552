"""`lagoa stack`: the real servers on this machine, without Docker."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.commands.stack.here import root_here, stack_here
from lagoa.cli.commands.stack.user import user
from lagoa.cli.console import emit_json, emit_table, hint, say, size
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.options import JsonOption
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.stack.run import ServerState

stack = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The real servers, without Docker: up, down, status, logs, env, user.",
)
stack.add_typer(user, name="user")

OnlyOption = Annotated[
    str | None, typer.Option("--only", metavar="NAME,…", help="Only these servers, and the ones that they need.")
]
VolumesOption = Annotated[Path, typer.Option("--volumes", metavar="DIR", help="Where the volumes are.")]


@stack.command("up")
def stack_up(
    ctx: typer.Context,
    only: OnlyOption = None,
    port: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="NAME=N", help="Where a server listens: nessie=19220, nessie.management_port=…"),
    ] = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Let all servers listen on ports that are free now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the servers, fetched or built the first time, and wait until each is healthy."""
    from lagoa.stack.run import free_ports as find_ports

    here = stack_here(ctx)
    if free_ports:
        here.choose_ports(find_ports(here.manifest))
    elif port:
        here.choose_ports(_ports(port))
    with working("starting the stack") as tell:
        states = here.up(only.split(",") if only else None, tell)
    _show(states, as_json=as_json)


@stack.command("down")
def stack_down(ctx: typer.Context) -> None:
    """Stop what `up` started. Data and credentials stay."""
    with working("stopping the stack"):
        ran = stack_here(ctx).down()
    say("The stack is down; its data stays." if ran else "Nothing was running.")


@stack.command("status")
def stack_status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show each server: whether it runs and is healthy, where, with how much memory. Exits with 1 if one is not."""
    from lagoa.stack.run import LEFT

    with working("asking the servers"):
        states = stack_here(ctx).status()
    _show(states, as_json=as_json)
    left = any(state.state == LEFT for state in states)
    if left:
        hint("Their supervisor was killed: nobody restarts them. `lagoa stack up` starts them again, `down` ends them.")
    if left or any(state.pid is not None and not state.healthy for state in states):
        raise typer.Exit(EXIT_ERROR)


@stack.command("logs")
def stack_logs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The server.")],
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=1, max=100_000, help="Show this many lines from the end.")
    ] = 50,
) -> None:
    """Show the end of a server's log."""
    say(stack_here(ctx).log(name, lines))


@stack.command("env")
def stack_env(ctx: typer.Context) -> None:
    """Print what programs need to find the servers, credentials included: `eval "$(lagoa stack env)"`."""
    for name, value in stack_here(ctx).environment().items():
        say(f"export {name}={shlex.quote(value)}")


@stack.command("configure")
def stack_configure(
    ctx: typer.Context,
    secrets: Annotated[Path, typer.Option("--secrets", metavar="FILE", help="What `make secrets` wrote.")],
    volumes: VolumesOption = Path("/lagoa"),
    profiles: Annotated[
        str, typer.Option("--profiles", metavar="NAMES", help="COMPOSE_PROFILES: the groups of servers that are on.")
    ] = "",
) -> None:
    """Write the configuration of the servers of docker-compose.yml into their volumes; runs in a container."""
    from lagoa.stack.containers import configure

    configure(root_here(ctx), secrets, volumes, profiles.split(","))


@stack.command("make-ready")
def stack_make_ready(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The servers.")],
    volumes: VolumesOption = Path("/lagoa"),
) -> None:
    """Set up servers of docker-compose.yml with what other servers need in them; runs in a container."""
    from lagoa.stack.containers import make_ready

    make_ready(root_here(ctx), names, volumes)


def _ports(words: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for word in words:
        name, _, number = word.partition("=")
        server, _, field = name.partition(".")
        if not number.isascii() or not number.isdigit() or not 0 < int(number) < 65536:  # noqa: PLR2004 - ports
            raise typer.BadParameter(f"{word!r} is not of the form NAME=NUMBER, such as nessie=19220.")
        found.setdefault(server, {})[field or "port"] = int(number)
    return found


def _show(states: Sequence[ServerState], *, as_json: bool) -> None:
    if as_json:
        emit_json([asdict(state) for state in states])
        return
    emit_table(
        ("server", "state", "healthy", "pid", "memory", "at"),
        ((s.name, s.state, "yes" if s.healthy else "no", str(s.pid or ""), size(s.memory), s.url) for s in states),
        right=("pid", "memory"),
    )
    hint("`lagoa stack env` has what clients need.")
