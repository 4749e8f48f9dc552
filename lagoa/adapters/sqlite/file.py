"""The catalog's SQLite file: its schema, its format, its connections, and SQLite's errors in Lagoa's words."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lagoa.adapters.sqlite.readonly import NOT_WRITABLE, ReadOnly, connect_readonly, not_writable
from lagoa.adapters.sqlite.wal import error_code, is_busy, switch_to_wal
from lagoa.errors import CatalogBusy, CatalogDamaged, LakeTooNew, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FORMAT = 1
APPLICATION_ID = 0x4C41474F
"""`LAGO`: identifies a SQLite file as a catalog."""

_MAX_IDLE = 8
RESTORE = (
    "Put the lake's state folder back from a backup, whole: the tables' files lie beside the catalog. "
    "Or bring back what can still be read: `lagoa doctor --repair`. Nothing was changed."
)
_LOST = (
    "Put the lake's state folder back from a backup, whole: without its catalog nobody knows which files its tables "
    "have. To begin with an empty lake, move the state folder away. Nothing was changed."
)
JOINT = "(merged is not null or parent is null or parent <> seq - 1)"
"""True of a commit that is not simply the next one on top of the row before; the rest need not be read to walk back."""

_SCHEMA = (
    # `seq` is the order of arrival: a parent's is lower than its child's. checkpoint: the nearest commit back along
    # first parents whose whole state is kept; weight: commits and changes since then.
    """
    create table commits (
        seq integer primary key,
        id text not null unique,
        parent integer references commits,
        merged integer references commits,
        checkpoint integer not null references commits,
        weight integer not null,
        committed_at integer not null,
        author text not null,
        message text not null,
        properties text not null
    )
    """,
    f"create index joints on commits (seq, parent, merged) where {JOINT}",
    # What a commit changes against its first parent. kind: t(able) or n(amespace); value null: removed.
    """
    create table changes (
        seq integer not null references commits,
        kind text not null check (kind in ('t', 'n')),
        name text not null,
        value text,
        primary key (seq, kind, name)
    ) without rowid
    """,
    # The whole state at some commits, compressed; entries: how many tables and namespaces.
    """
    create table checkpoints (
        seq integer primary key references commits,
        entries integer not null,
        state blob not null
    )
    """,
    """
    create table refs (
        name text primary key,
        kind text not null check (kind in ('branch', 'tag')),
        seq integer not null references commits,
        created_at integer not null
    ) without rowid
    """,
    """
    create table moves (
        branch text not null,
        moved_at integer not null,
        previous integer not null references commits,
        seq integer not null references commits,
        primary key (branch, moved_at)
    ) without rowid
    """,
)

_inherited: list[sqlite3.Connection] = []
"""Connections of the parent process after a fork: SQLite forbids even closing them, so nothing may collect them."""


class SqliteFile:
    """One catalog file, used by several threads and processes at once.

    A connection serves one call at a time and goes back to a small pool, so that threads that come and go leave
    nothing open. After a fork the child opens connections of its own.

    Args:
        path: the file.
        busy_seconds: how long a call waits for another writer.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path.absolute()
        self._busy_seconds = busy_seconds
        self._idle: deque[sqlite3.Connection] = deque()
        self._pid = os.getpid()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for statements that only read; each sees the last committed state."""
        with self._translated():
            connection = self._take()
            try:
                yield connection
            finally:
                self._give(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside one transaction that holds the write lock; leaving by an exception undoes it.

        The lock is taken at the start (`begin immediate`): a transaction that begins as a reader and writes later
        fails at once, without waiting, when another writer came between.
        """
        with self.reading() as connection:
            connection.execute("begin immediate")
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise

    def create(self, fill: Callable[[sqlite3.Connection], None], traces: Sequence[Path] = ()) -> None:
        """Make the catalog when the file is missing or empty: schema and first rows in one transaction.

        Args:
            fill: writes the first rows; not called when another process was first.
            traces: what is made after a catalog. If one of them has something, a missing catalog was lost.

        Raises:
            CatalogDamaged: it was lost: a new one would show an empty lake.
        """
        trace = next(filter(_has_something, traces), None)  # first: who makes a catalog makes it before these
        if trace and not _has_something(self.path):
            raise self._lost(trace)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._translated():
            try:
                self._create(fill, trace)
            except sqlite3.Error as error:  # a catalog that cannot be written is still read
                if error_code(error) not in NOT_WRITABLE or not (self.path.is_file() and self.path.stat().st_size):
                    raise

    def _lost(self, trace: Path) -> CatalogDamaged:
        message = f"The catalog {self.path} is missing or empty, but {trace} is of a lake that had one."
        return CatalogDamaged(message, _LOST)

    def _create(self, fill: Callable[[sqlite3.Connection], None], trace: Path | None) -> None:
        with closing(self._connect("rwc")) as connection:
            if self._known(connection):
                return
            if trace:
                raise self._lost(trace)
            if switch_to_wal(connection, self._busy_seconds) != "wal":
                raise TerminalError(
                    f"{self.path} lies on a file system without shared memory (SQLite's WAL needs it).",
                    "Put the lake's state on a local disk.",
                )
            connection.execute("begin immediate")  # closing undoes it if anything below fails
            if not self._known(connection):
                for statement in _SCHEMA:
                    connection.execute(statement)
                fill(connection)
                connection.execute(f"pragma application_id = {APPLICATION_ID}")
                connection.execute(f"pragma user_version = {FORMAT}")
            connection.execute("commit")

    def close(self) -> None:
        """Close the connections that are not in use; a later call opens new ones."""
        if self._pid == os.getpid():
            while self._idle:
                self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            _inherited.extend(self._idle)
            self._idle = deque()
            self._pid = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            connection = self._connect("rw")
            known = self._known(connection)
        except sqlite3.Error as error:
            if error_code(error) not in NOT_WRITABLE:
                raise
            connection = connect_readonly(self.path, self._busy_seconds)
            known = self._known(connection)
        if not known:
            connection.close()
            raise CatalogDamaged(f"{self.path} is empty: it is no catalog.", RESTORE)
        return connection

    def _give(self, connection: sqlite3.Connection) -> None:
        passing = isinstance(connection, ReadOnly) and not connection.lasting
        if passing or connection.in_transaction or len(self._idle) >= _MAX_IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def _connect(self, mode: str) -> sqlite3.Connection:
        if mode == "rw" and not self.path.is_file():
            raise CatalogDamaged(f"There is no catalog at {self.path}.", RESTORE)
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        # A published state must survive a crash of the machine, not just of the process: in WAL mode only `full`
        # brings each commit to the disk before it returns (`fullfsync`: on macOS, too).
        connection.execute("pragma synchronous = full")
        connection.execute("pragma fullfsync = on")
        connection.execute("pragma foreign_keys = on")
        return connection

    def _known(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file is a catalog of a known format; False when it is empty."""
        # One statement, so that all is read from one state while another process creates the catalog.
        application, version, filled = connection.execute(
            "select application_id, user_version, exists (select 1 from sqlite_master)"
            " from pragma_application_id, pragma_user_version"
        ).fetchone()
        if application == APPLICATION_ID:
            if version > FORMAT:
                raise LakeTooNew(self.path, version, FORMAT)
            return True
        if filled:
            raise CatalogDamaged(f"{self.path} is a database, but no catalog of Lagoa.", RESTORE)
        return False

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = error_code(error)
            if is_busy(error):
                raise CatalogBusy(
                    f"{self.path} was locked by other writers for {self._busy_seconds:g} s.", "Try again."
                ) from error
            if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise CatalogDamaged(f"{self.path} is damaged or is no SQLite file: {error}.", RESTORE) from error
            if code in NOT_WRITABLE:
                raise not_writable(self.path, error) from error
            raise


def _has_something(path: Path) -> bool:
    if path.is_dir():
        return next(path.iterdir(), None) is not None
    return path.is_file() and path.stat().st_size > 0
