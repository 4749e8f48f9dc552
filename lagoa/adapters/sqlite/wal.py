"""Opens SQLite files in WAL mode, also while other processes do the same."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lagoa.errors import LakeTooNew

if TYPE_CHECKING:
    from pathlib import Path


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


def open_prepared(path: Path, busy_s: float, version: int, tables: str, *, synchronous: str) -> sqlite3.Connection:
    """Return a connection to a file of some version, whose tables are made if it is new; any thread may use it.

    Args:
        path: the file.
        busy_s: how long to wait for another writer.
        version: of the tables, kept as `user_version`.
        tables: the statements that make them, where they are not there.
        synchronous: what must be on the disk after a commit: `full`, or `normal`, which a power cut may take back.

    Raises:
        LakeTooNew: the file has a later version.
        sqlite3.Error: it cannot be opened.
    """
    db = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        found = int(db.execute("pragma user_version").fetchone()[0])
        _refuse_later(path, found, version)
        if found < version:
            switch_to_wal(db, busy_s)
            db.executescript(f"begin immediate; {tables} pragma user_version = {version}; commit;")
        db.execute(f"pragma synchronous = {synchronous}")
    except BaseException:
        db.close()
        raise
    return db


def _refuse_later(path: Path, found: int, version: int) -> None:
    if found > version:
        raise LakeTooNew(path, found, version)
