"""An API on this machine that answers as it is told, and also as it should not; it remembers what it was asked."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Given(NamedTuple):
    """An answer: what is no bytes is sent as JSON."""

    content: Any = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class FakeApi:
    """What it answers is up to `answer`.

    Attributes:
        url: its address.
        asked: the requests, in their order.
        answer: returns the answer to a request; an answer of None breaks the connection.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Given | None] = lambda _: Given([])


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    """Run one until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, place.path, dict(parse_qsl(place.query)), dict(self.headers), body)
            api.asked.append(asked)
            given = api.answer(asked)
            if given is None:
                self.close_connection = True
                self.connection.close()
                return
            content = given.content if isinstance(given.content, bytes) else json.dumps(given.content).encode()
            self.send_response(given.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(content))} | given.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - a name of the server

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        api = FakeApi(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
