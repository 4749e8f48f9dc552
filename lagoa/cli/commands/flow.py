"""`lagoa flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lagoa.cli.console import say
from lagoa.cli.options import PROFILE, lake_folder

if TYPE_CHECKING:
    from lagoa.prefect.server import LakeServer

flow = typer.Typer(add_completion=False, no_args_is_help=True, help="The Prefect server of this lake: up, down.")


@flow.command()
def up(ctx: typer.Context) -> None:
    """Start the lake's Prefect server unless it runs, and print the address of its pages: runs, logs, artifacts."""
    say(_server(ctx).wait().url)


@flow.command()
def down(ctx: typer.Context) -> None:
    """End the lake's Prefect server; the history of runs stays."""
    say("The server has ended." if _server(ctx).stop() else "No server was running.")


def _server(ctx: typer.Context) -> LakeServer:
    from lagoa.prefect.server import LakeServer
    from lagoa.settings import load_settings

    return LakeServer(load_settings(lake_folder(ctx), ctx.meta.get(PROFILE)).state_folder)
