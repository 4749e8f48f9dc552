"""Opens SQLite files that cannot be written: on a read-only mount, a full disk, or in another user's folder.

A reader of a file in WAL mode needs the index of the WAL next to it, and makes one if there is none.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from contextlib import closing, suppress
from pathlib import Path

from lagoa.errors import TerminalError

NOT_WRITABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Kinds of errors of a file that cannot be written, or whose index cannot."""


_LEAST_FREE = 1_000_000
"""With fewer bytes free SQLite makes no journal, and calls the file read-only."""


def not_writable(path: Path, error: sqlite3.Error) -> TerminalError:
    """Return the error of a file that cannot be used: its disk is full, this user may not, or both are to look at."""
    message, free = f"{path} cannot be used: {error}.", _LEAST_FREE
    with suppress(OSError):
        free = shutil.disk_usage(path.parent).free
    if free < _LEAST_FREE:
        message = f"{path} cannot be used: its disk is full ({free // 1000} kB are free; SQLite: {error})."
        return TerminalError(message, "Free disk space, then run it again. What was published is whole.")
    if not all(os.access(each, os.R_OK | os.W_OK) for each in (path, path.parent) if each.exists()):
        advice = (
            f"This user may not write it or its folder: run it as the user that owns {path.parent}, or change its mode."
        )
        return TerminalError(message, advice)
    return TerminalError(
        message, "Check the free disk space and the permissions of its file and folder, then try again."
    )


class ReadOnly(sqlite3.Connection):
    """A connection that writes nothing.

    Attributes:
        lasting: whether it sees what others write while it is open, or nobody writes; otherwise it is for one call.
    """

    lasting = True


def connect_readonly(path: Path, timeout: float) -> ReadOnly:
    """Open a file that exists and cannot be written; raises `sqlite3.Error`, `OSError`."""
    try:  # another process has the file open, and so there is an index
        return _connect(path, "mode=ro", timeout)
    except sqlite3.OperationalError:
        pass
    wal = path.with_name(f"{path.name}-wal")
    if wal.is_file() and wal.stat().st_size:  # it was left behind: an index is made for a copy
        folder = Path(tempfile.mkdtemp(prefix="lagoa-"))
        for each in (path, wal):
            shutil.copyfile(each, folder / each.name)
        connection = _connect(folder / path.name, "mode=ro", timeout)
        weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
        return connection
    connection = _connect(path, "mode=ro&immutable=1", timeout)  # all is in the file itself
    connection.lasting = False
    return connection


def _connect(path: Path, how: str, timeout: float) -> ReadOnly:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        factory=ReadOnly,
    )
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error:
        with closing(connection):
            raise
    return connection
