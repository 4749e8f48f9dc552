"""Where the lake of a catalog file was made: the locations of its tables' files begin with it for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_TABLE = "create table if not exists lake (name text primary key, value text not null) without rowid"
_HOME = "home"


def read_home(db: sqlite3.Connection) -> str | None:
    """Return the lake's home; None where it was not written yet, as older versions did not."""
    if db.execute("select 1 from sqlite_master where type = 'table' and name = 'lake'").fetchone() is None:
        return None
    row = db.execute("select value from lake where name = ?", (_HOME,)).fetchone()
    return None if row is None else str(row[0])


def write_home(db: sqlite3.Connection, home: str) -> None:
    """Write the lake's home, once: what is there stays."""
    db.execute(_TABLE)
    db.execute("insert or ignore into lake values (?, ?)", (_HOME, home))


def pointers(db: sqlite3.Connection, since: int = 0) -> Iterator[str]:
    """Yield every pointer that any commit has set since a time (microseconds since 1970), the latest first."""
    rows = db.execute(
        "select value from changes join commits using (seq) "
        "where kind = 't' and value is not null and committed_at >= ? order by seq desc",
        (since,),
    )
    return (str(pointer) for (pointer,) in rows)
