"""A proxy between Lagoa and a server, which is slow, trickles, cuts connections, or loses answers: as it is told."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 16
_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")


@dataclass
class Proxy:
    """What it does may be changed at any time; at first it does nothing but hand on.

    Attributes:
        url: where clients find it: the server's, with another port.
        latency_s: how long each request waits before it is handed on.
        bytes_per_s: of each direction of each connection.
        up_limit: after so many bytes from the client a connection is cut.
        down_limit: after so many bytes to the client a connection is cut.
        lose: of requests (`PUT /path?query`) that match this answers are lost: the server does what it was asked, and
            the client is cut.
        turns: whether that is done with the next one that matches; by default every second time, from the first on.
        lost: the requests whose answers were lost.
        on_request: called with each request once it is handed on; the answer waits for it.
        on_bytes: called with the number of bytes from all clients so far.
        passed: bytes from all clients so far.
        answered: bytes to them.
        requests: what they requested so far.
    """

    url: str
    latency_s: float = 0.0
    bytes_per_s: float | None = None
    up_limit: int | None = None
    down_limit: int | None = None
    lose: str | None = None
    turns: Iterator[bool] = field(default_factory=lambda: cycle((True, False)))
    lost: list[str] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None
    on_bytes: Callable[[int], None] | None = None
    passed: int = 0
    answered: int = 0
    requests: list[str] = field(default_factory=list)

    def heal(self) -> None:
        """Do nothing but hand on, from now on."""
        self.latency_s = 0.0
        self.bytes_per_s = self.up_limit = self.down_limit = self.lose = self.on_request = self.on_bytes = None


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """Put a proxy before the server of a URL."""
    parts = urlsplit(url)
    ready: list[tuple[Proxy, Callable[[], object]]] = []
    up = threading.Event()

    async def run() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()  # the loop refers to them weakly

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = loop.create_task(_Connection(ready[0][0], reader, writer).serve(parts.hostname, parts.port))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_CHUNK)
        port = server.sockets[0].getsockname()[1]
        proxy = Proxy(urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}")))
        ready.append((proxy, lambda: loop.call_soon_threadsafe(end.set)))
        up.set()
        await end.wait()
        loop.remove_reader(server.sockets[0].fileno())  # what it has accepted needs it open for a moment
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.sleep(0)  # one that is cancelled before it begins closes nothing
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    up.wait()
    proxy, end = ready[0]
    try:
        yield proxy
    finally:
        end()
        thread.join()


class _Connection:
    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.losing = False
        self.before_answer: asyncio.Future[None] | None = None

    async def serve(self, host: str | None, port: int | None) -> None:
        streams = [self.writer]
        ways: list[asyncio.Task[None]] = []
        try:
            answers, server = await asyncio.open_connection(host, port)
            streams.append(server)
            ways = [asyncio.create_task(self._up(server)), asyncio.create_task(self._down(answers))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass
        finally:
            for way in ways:
                way.cancel()
            for stream in streams:  # at once: where it waits, this may be cancelled
                stream.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, server: asyncio.StreamWriter) -> None:
        proxy, passed = self.proxy, 0
        while data := await self.reader.read(_CHUNK):
            requests = [f"{method.decode()} {path.decode()}" for method, path in _REQUEST.findall(data)]
            proxy.requests += requests
            for request in requests:
                if proxy.lose and re.search(proxy.lose, request) and next(proxy.turns):
                    proxy.lost.append(request)
                    self.losing = True
                await asyncio.sleep(proxy.latency_s)
            passed += len(data)
            if proxy.up_limit is not None and passed > proxy.up_limit:
                return
            await self._hand_on(data, server)
            proxy.passed += len(data)
            if proxy.on_bytes:
                proxy.on_bytes(proxy.passed)
            for request in requests:
                if proxy.on_request:
                    self.before_answer = asyncio.get_running_loop().run_in_executor(None, proxy.on_request, request)

    async def _down(self, answers: asyncio.StreamReader) -> None:
        passed = 0
        while data := await answers.read(_CHUNK):
            if self.before_answer:
                await self.before_answer
            if self.losing:
                return
            self.proxy.answered += len(data)
            limit = self.proxy.down_limit
            await self._hand_on(data if limit is None else data[: limit - passed], self.writer)
            passed += len(data)
            if limit is not None and passed >= limit:
                return

    async def _hand_on(self, data: bytes, to: asyncio.StreamWriter) -> None:
        rate = self.proxy.bytes_per_s
        if rate is None:
            to.write(data)
            await to.drain()
            return
        step = max(1, int(rate / 20))
        for start in range(0, len(data), step):
            to.write(data[start : start + step])
            await to.drain()
            await asyncio.sleep(step / rate)
