"""`lagoa serve`."""

from __future__ import annotations

import logging
import re
import socket
from typing import Annotated

import typer

from lagoa.cli.completion import complete_trained
from lagoa.cli.console import hint, say
from lagoa.cli.options import exported_settings, open_here
from lagoa.cli.progress import working
from lagoa.domain.optional import extra

serve = typer.Typer(add_completion=False, no_args_is_help=True, help="Servers over the lake: feature, ml.")

_THIS_MACHINE = "127.0.0.1"
_HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


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
    _check_free(LOOPBACK, port)
    say(f"Feast serves the features of {settings.name} on http://{LOOPBACK}:{port}; Ctrl+C ends it.")
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning")


@serve.command("ml")
def serve_ml(
    ctx: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", metavar="MODEL", help="Only this one; may be repeated.", autocompletion=complete_trained
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = _THIS_MACHINE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 6567,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="A host name that requests may use; may be repeated."),
    ] = None,
) -> None:
    """Serve the champions by HTTP: a row in, its score with reasons out; another champion takes over by itself."""
    with extra("ml", "`lagoa serve ml`"):
        from lagoa.serving.champions import Champions
        from lagoa.serving.server import serve as run
        from lagoa.serving.tokens import SECRET, token_of

    for each in name or ():
        if not _HOST_NAME.fullmatch(each):
            raise typer.BadParameter(f"--name {each}: give a host name, such as models.example or *.example.")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("lagoa.serving").setLevel(logging.INFO)
    with open_here(ctx) as lake:
        token, file = token_of(lake.context)
        with working("loading champions"):
            champions = Champions(lake.context, model or ())
        _check_free(host, port)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        say(f"The models of {lake.settings.name} answer on {url}; Ctrl+C ends it.")
        kept = f"in {file}" if file else f"the secret {SECRET}"
        hint(f"The token is {kept}; {url}/docs shows how to ask.")
        local = lake.settings.online_features == "sqlite"
        run(champions, token, host, port, names=name or (), local=local)


def _check_free(host: str, port: int) -> None:
    """Raise a usage error if an address cannot be listened on."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
            probe.bind(address)
    except OSError as error:
        raise typer.BadParameter(f"{host}:{port} cannot be used ({error.strerror}): give another port.") from None
