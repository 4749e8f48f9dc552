"""Opens SQLite files that cannot be written: on a read-only mount, a full disk, or in another user's folder.

A reader of a file in WAL mode needs the index of the WAL next to it, and makes one if there is none.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import weakref
from contextlib import closing
from pathlib import Path

NOT_WRITABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Kinds of errors of a file that cannot be written, or whose index cannot."""


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
