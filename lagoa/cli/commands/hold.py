"""`lagoa hold`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.completion import complete_hold
from lagoa.cli.console import emit_json, emit_table, hint, moment, say, short
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.refs import FromOption, NameArgument

if TYPE_CHECKING:
    from lagoa.maintain.holds import Hold

hold = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Holds, states that are kept for a reason: list, add, remove."
)


@hold.command("list")
def hold_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the states that are held, why, by whom and until when."""
    with open_here(ctx) as lake, working("reading the holds"):
        found = lake.holds()
    if as_json:
        emit_json([asdict(each) for each in found])
        return
    if not found:
        say("No state is held.")
        hint("Next: `lagoa hold add NAME --why REASON` holds the state of main.")
        return
    emit_table(
        ("hold", "commit", "author", "until", "why"),
        ((each.name, short(each.commit), each.author, _until(each), each.why) for each in found),
        first_out=("commit", "author"),
    )


@hold.command("add")
def hold_add(
    ctx: typer.Context,
    name: NameArgument,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="What it is held for.")],
    source: FromOption = "main",
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            metavar="TIME",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="When the hold ends (UTC), such as 2027-03-31; by default when it is removed.",
        ),
    ] = None,
) -> None:
    """Hold a state: it is kept whatever `[retention]` says."""
    with open_here(ctx) as lake, working(f"holding {source}"):
        made = lake.add_hold(name, why, source, until.replace(tzinfo=UTC) if until else None)
    say(f"The state of {source} ({short(made.commit)}) is kept until {_until(made)}.")


@hold.command("remove")
def hold_remove(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Their names.", autocompletion=complete_hold)],
) -> None:
    """End holds."""
    with open_here(ctx) as lake:
        for name in names:
            with working(f"removing {name}"):
                gone = lake.remove_hold(name)
            say(f"{name} is removed; it held {short(gone.commit)}.")


def _until(found: Hold) -> str:
    return moment(found.until) if found.until else "it is removed"
