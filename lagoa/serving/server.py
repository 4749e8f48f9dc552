"""Running the HTTP server of champions until it is told to end."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import uvicorn

from lagoa.serving.app import LOOPBACK, Server, app_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from lagoa.serving.champions import Champions

_CONNECTIONS = 256
_FINISH_S = 20
_KEEP_S = 30


def http_protocol() -> Any:
    """Return what speaks HTTP, within bounds: the quicker one where its parser is installed, else h11's."""
    if find_spec("httptools") is None:
        return "h11"
    from lagoa.serving.protocol import BoundedProtocol

    return BoundedProtocol


def serve(champions: Champions, token: SecretStr, host: str, port: int, *, names: Sequence[str], local: bool) -> None:
    """Serve until SIGTERM or SIGINT; requests that came before are answered.

    Args:
        champions: what answers.
        token: that a request must carry.
        host: the address to listen on.
        port: the port.
        names: under which requests may call the server, beside the address and those of this machine.
        local: whether reading online features waits for no other machine.
    """
    app = app_of(Server(champions, token, local=local), champions, [*LOOPBACK, host, *names])
    config = uvicorn.Config(
        app,
        http=http_protocol(),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_S,
        timeout_graceful_shutdown=_FINISH_S,
    )
    # uvicorn raises the signal again once it has ended: for this process it has done its work by then.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        uvicorn.Server(config).run()
    finally:
        signal.signal(signal.SIGTERM, before)
