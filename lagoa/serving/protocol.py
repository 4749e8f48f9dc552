"""HTTP as uvicorn speaks it, with bounds for the head of a request: its own have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MOST_BYTES = 64 * 1024
"""Of a request line with its headers."""
_HEAD_S = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request has too long a head, or one that does not come to its end in time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the head of the next request."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Go on with the request."""
        self._arrived()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is left without the end of a head counts for it."""
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self._arrived()
                self.send_400_response("The head of the request is too long.")

    def _wait(self) -> None:
        self._arrived()
        self._head_timer = self.loop.call_later(_HEAD_S, self._late)

    def _arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._head_bytes = 0

    def _late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
