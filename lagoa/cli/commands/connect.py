"""`lagoa connect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lagoa.cli.completion import complete_sandbox
from lagoa.cli.console import hint, say
from lagoa.cli.options import open_here

_NAMES = "dbeaver, powerbi, tableau, looker, superset, metabase, trino, sqlalchemy, spark, pyiceberg, duckdb"


def connect(
    ctx: typer.Context,
    client: Annotated[str, typer.Argument(metavar="CLIENT", help=f"One of {_NAMES}.")],
    *,
    sandbox: Annotated[
        str | None,
        typer.Option("--sandbox", metavar="NAME", help="A sandbox, not main.", autocompletion=complete_sandbox),
    ] = None,
    pinned: Annotated[
        bool, typer.Option("--pinned", help="All published tables at one commit; for clients of Trino.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it to this file.")] = None,
) -> None:
    """Print what a client needs to query the lake: address, certificate, settings; never a password."""
    from lagoa.connect import CLIENTS
    from lagoa.connect import connect as text_for
    from lagoa.domain.suggestions import did_you_mean

    if client not in CLIENTS:
        raise typer.BadParameter(f"{client!r} is none of {', '.join(CLIENTS)}.{did_you_mean(client, CLIENTS)}")
    if pinned and (sandbox or CLIENTS[client].needs != "trino"):
        raise typer.BadParameter("--pinned goes with a client of Trino, and with no --sandbox.")
    with open_here(ctx) as lake:
        text = text_for(lake.context, client, sandbox, pinned=pinned)
    if out is None:
        say(text.rstrip())
    else:
        out.write_text(text, "utf-8")
        say(f"Wrote {out}.")
    if CLIENTS[client].note:
        hint(CLIENTS[client].note)
