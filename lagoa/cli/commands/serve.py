"""`lagoa serve`."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from lagoa.cli.console import say
from lagoa.cli.options import exported_settings
from lagoa.domain.optional import extra

serve = typer.Typer(add_completion=False, no_args_is_help=True, help="Servers over the lake: feature.")


@serve.callback()
def _group() -> None:
    """Keep `feature` a verb: Typer makes the only command of a group the group itself."""


@serve.command("feature")
def serve_feature(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on this machine.")] = 6566,
) -> None:
    """Serve online features by HTTP to clients of Feast on this machine, until it is stopped; nothing is written."""
    import uvicorn

    settings = exported_settings(ctx)
    with extra("ml", "`lagoa serve feature`"):
        from lagoa.feast.applying import open_store
        from lagoa.feast.serving import LOOPBACK, reading_app

    app = reading_app(open_store(settings.features_folder))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise typer.BadParameter(
                f"{LOOPBACK}:{port} cannot be used ({error.strerror}): give another port."
            ) from None
    say(f"Feast serves the features of {settings.name} on http://{LOOPBACK}:{port}; Ctrl+C ends it.")
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning")
