"""`lagoa sandbox`."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_sandbox
from lagoa.cli.console import emit_json, emit_table, hint, moment, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.refs import FromOption, NameArgument
from lagoa.domain.ports.sql_catalogs import catalog_of
from lagoa.errors import SqlServerUnavailable, StackError

if TYPE_CHECKING:
    from lagoa.lake import Lake
    from lagoa.sandbox import Sandbox

sandbox = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Sandboxes, branches that end: list, create, extend, delete."
)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
TtlOption = Annotated[
    str, typer.Option("--ttl", metavar="TIME", help="Its time to live from now: such as 30m, 12h, 7d or 2w.")
]


@sandbox.command("list")
def sandbox_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the sandboxes and when they end; catalogs of them that are missing on Trino are made."""
    with open_here(ctx) as lake, working("reading the sandboxes"):
        found = lake.sandboxes()
        _follow(lake)
    if as_json:
        emit_json([{**asdict(each), "expired": each.expired} for each in found])
        return
    emit_table(
        ("sandbox", "branch", "commit", "author", "ends"),
        ((each.name, each.branch, short(each.commit), each.author, _end(each)) for each in found),
        whole=("ends",),
        first_out=("commit", "author"),
    )
    if any(each.expired for each in found):
        hint("`lagoa sandbox delete --expired` deletes those whose time is over.")


@sandbox.command("create")
def sandbox_create(
    ctx: typer.Context,
    name: NameArgument,
    source: FromOption = "main",
    ttl: TtlOption = "7d",
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Over SQL, show the state of --from for ever; needs Trino.")
    ] = False,
) -> None:
    """Create a sandbox: a branch with a time to live, on the stack a catalog of Trino, too; no data is copied."""
    from lagoa.connect import trino_of

    lives = _time(ttl)
    with open_here(ctx) as lake, working(f"creating {name}"):
        made = lake.create_sandbox(name, source, lives, read_only=read_only)
        trino = trino_of(lake.context, catalog_of(name))
        folder = lake.settings.root
    say(f"The sandbox {name} is the branch {made.branch}, begins at {source} and ends {_end(made)}.")
    if trino is not None:
        say(
            f"On Trino it is the catalog {trino.catalog}{', which nobody writes' if read_only else ''}:\n"
            f"  JDBC        {trino.jdbc}\n  SQLAlchemy  {trino.sqlalchemy}\n  Trino CLI   {trino.cli}"
        )
    if read_only:
        hint(f"`lagoa sandbox extend {name}` lets it end later.")
        return
    say(
        f'  SQL         lagoa sql --ref {made.branch} "select …"\n'
        f'  Python      lagoa.open_lake({str(folder)!r}).sql("select …", "{made.branch}").df()\n'
        f'  PyIceberg   lagoa.open_lake({str(folder)!r}).catalog("{made.branch}")'
    )
    hint(f"Next: `lagoa transform {made.branch}`, `lagoa review {made.branch}`, `lagoa publish {made.branch}`.")


@sandbox.command("extend")
def sandbox_extend(ctx: typer.Context, name: NameArgument, ttl: TtlOption = "7d") -> None:
    """Let a sandbox end later, or earlier."""
    lives = _time(ttl)
    with open_here(ctx) as lake, working(f"reading {name}"):
        found = lake.extend_sandbox(name, lives)
    say(f"The sandbox {name} ends {_end(found)}.")


@sandbox.command("delete")
def sandbox_delete(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Their names.", autocompletion=complete_sandbox)
    ] = None,
    *,
    expired: Annotated[bool, typer.Option("--expired", help="All whose time is over.")] = False,
) -> None:
    """Delete sandboxes; commits that other refs reach stay."""
    if expired == bool(names):
        raise typer.BadParameter("Name sandboxes, or give --expired for all whose time is over.")
    with open_here(ctx) as lake:
        found = [lake.sandbox(name) for name in names or ()] or [each for each in lake.sandboxes() if each.expired]
        for each in found:
            with working(f"deleting {each.name}"):
                lake.delete_ref(each.branch, each.commit)  # not if somebody has written to it meanwhile
            say(f"Deleted the sandbox {each.name}, which was at {short(each.commit)}.")
    if not found:
        hint("There is no sandbox whose time is over.")


def _follow(lake: Lake) -> None:
    """Let Trino have just the sandboxes that there are; if it does not answer, say so."""
    try:
        lake.follow_sandboxes()
    except (SqlServerUnavailable, StackError) as error:
        hint(f"{error.message} {error.advice}")


def _time(text: str) -> timedelta:
    """Return a time to live; raises `BadParameter`."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time to live: give a number and m, h, d or w, such as 12h.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _end(found: Sandbox) -> str:
    """Return when a sandbox ends, for a table or a sentence."""
    if found.ends_at is None:
        return "when it is deleted"
    return f"{moment(found.ends_at)}{', which is over' if found.expired else ''}"
