"""Turns among all machines of a lake, by a lock of their PostgreSQL database: its server keeps the queue."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from lagoa.adapters.postgres.session import connect
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.adapters.postgres.lazy import Login
    from lagoa.adapters.postgres.session import Connection

_LOCK = int.from_bytes(b"lagoa\0\0\1")
"""An advisory lock, which needs no table. Such locks are those of a database, and this is the database of one lake."""

_GONE = {
    "client_connection_check_interval": "2s",  # of who waits; the server notices at once when who has the turn ends
    "tcp_keepalives_idle": "15",  # and these are for machines that vanish
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""How the server finds out that a client is gone, whose place in the queue goes with its connection."""

_connected: set[Connection] = set()


class PostgresTurns:
    """The turns of a lake that several machines share. Each has a connection of its own: the lock goes with that.

    Args:
        login: of the role, and where; every login of the database may take turns.
    """

    def __init__(self, login: Login) -> None:
        self._login = login

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[bool]:
        """See the port `Turns`; a server that cannot be reached has no turns."""
        connection = self._wait(patience_s)
        try:
            yield connection is not None
        finally:
            if connection is not None:
                _close(connection)

    def close(self) -> None:
        """See the port `Turns`; there is nothing to close."""

    def _wait(self, patience_s: float) -> Connection | None:
        """Return a connection that has the lock; None if it was not free in time, or the server does not answer."""
        limits = {"lock_timeout": f"{max(1, round(patience_s * 1000))}ms", "statement_timeout": "0"}
        with suppress(psycopg.Error, LagoaError), ExitStack() as undo:
            connection = connect(self._login, {**_GONE, **limits})
            _connected.add(connection)
            undo.callback(_close, connection)
            connection.limit_s = patience_s + self._login.timeout_s
            connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
            undo.pop_all()
            return connection
        return None


def _close(connection: Connection) -> None:
    _connected.discard(connection)
    connection.close()


def _leave_to_parent() -> None:
    """Let go of the connections that a forked process has from its parent, and that it would keep open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for connection in _connected:
        if not connection.closed:  # its number is not free, so that closing it later closes no file of this process
            os.dup2(nothing, connection.fileno(), inheritable=False)
    os.close(nothing)
    _connected.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
