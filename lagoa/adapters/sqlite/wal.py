"""Switches a SQLite file to WAL, also while other processes do the same."""

from __future__ import annotations

import sqlite3


def error_code(error: sqlite3.Error) -> int:
    """Return the kind of an error: the low byte of its code. A misuse of the API carries none: 0."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_busy(error: BaseException) -> bool:
    """Return whether another connection holds the lock that was needed."""
    return isinstance(error, sqlite3.Error) and error_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> str:
    """Return the journal's mode after the switch.

    While another process switches the same new file, SQLite fails at once instead of waiting: each holds a read lock
    that the other would have to see released.

    Args:
        connection: of the file.
        busy_seconds: how long to wait for the others.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

    mode: str
    (mode,) = Retrying(
        retry=retry_if_exception(is_busy), wait=wait_random(max=0.02), stop=stop_after_delay(busy_seconds), reraise=True
    )(lambda: connection.execute("pragma journal_mode = wal").fetchone())
    return mode
