"""Counts the requests to a server, and the bytes to and from it, by standing between, in a process of its own."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_CHUNK = 1 << 16
_REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) \S+ HTTP/1\.1\r\n")


@dataclass(frozen=True)
class Counted:
    """A server that is counted.

    Attributes:
        url: where clients find it: its own, with another port.
    """

    url: str
    _counts: Any

    @property
    def requests(self) -> int:
        """Requests so far; of a server that does not speak HTTP, what was sent at once."""
        return int(self._counts[0])

    @property
    def octets(self) -> int:
        """Bytes so far, in both directions."""
        return int(self._counts[1])


@contextmanager
def counted(url: str) -> Iterator[Counted]:
    """Stand between clients and the server of a URL while the block runs."""
    parts, spawn = urlsplit(url), get_context("spawn")
    counts = spawn.Array("q", 2, lock=False)
    here, there = spawn.Pipe()
    target = (parts.hostname, parts.port)
    process = spawn.Process(target=_stand, args=(there, target, parts.scheme.startswith("http"), counts), daemon=True)
    process.start()
    port = here.recv()
    netloc = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    try:
        yield Counted(urlunsplit(parts._replace(netloc=f"{netloc}127.0.0.1:{port}")), counts)
    finally:
        process.terminate()
        process.join()


def _stand(ready: Connection, target: tuple[str | None, int | None], http: bool, counts: Any) -> None:
    asyncio.run(_serve(ready, target, http, counts))


async def _serve(ready: Connection, target: tuple[str | None, int | None], http: bool, counts: Any) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(*target)
        await asyncio.gather(hand_on(reader, server, asked=True), hand_on(answers, writer, asked=False))

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool) -> None:
        try:
            while data := await reader.read(_CHUNK):
                counts[1] += len(data)
                if asked:
                    counts[0] += len(_REQUEST.findall(data)) if http else 1
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_CHUNK)
    ready.send(listening.sockets[0].getsockname()[1])
    await listening.serve_forever()
