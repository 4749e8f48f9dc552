"""Checks the commits of a catalog file row by row: whether each is what was committed."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.adapters.shared.states import Delta
from lagoa.adapters.sqlite.write import commit_of
from lagoa.domain.commits import Change
from lagoa.domain.refs import ID_LENGTH, is_id
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = 1
"""Number of the first commit."""

COMMITS = (
    "select seq, id, parent, merged, checkpoint, weight, committed_at, author, message, properties "
    "from commits where seq between ? and ?"
)

CUT = "create table if not exists cut (seq integer primary key references commits)"
"""Commits that lost a parent in a repair: their content no longer hashes to their id. Only a repaired file has it."""


@dataclass(frozen=True, slots=True)
class CommitRow:
    """One row of `commits` as it is in the damaged file."""

    seq: int
    id: str
    parent: int | None
    merged: int | None
    checkpoint: int
    weight: int
    committed_at: int
    author: str
    message: str
    properties: str

    def is_sound(self) -> bool:
        """Return whether every value of the row is of the type that Lagoa writes there."""
        texts = (self.author, self.message, self.properties)
        numbers = (self.checkpoint, self.weight, self.committed_at)
        back = [each for each in (self.parent, self.merged) if each is not None]
        return (
            isinstance(self.id, str)
            and (is_id(self.id) and len(self.id) == ID_LENGTH)
            and all(isinstance(each, str) for each in texts)
            and all(isinstance(each, int) for each in (*numbers, *back))
            and all(each < self.seq for each in back)
            and (self.parent is not None or self.seq == ROOT)
        )


def faults(db: sqlite3.Connection) -> list[str]:
    """Return what is wrong with a catalog, a sentence each: what SQLite finds, then commits that were changed."""
    found = [f"SQLite: {text}." for (text,) in db.execute("pragma integrity_check(10)") if text != "ok"]
    rows = {row[0]: CommitRow(*row) for row in db.execute(COMMITS, (ROOT, sys.maxsize))}
    repaired = db.execute("select 1 from sqlite_master where name = 'cut'").fetchone()
    cut = {seq for (seq,) in db.execute("select seq from cut")} if repaired else set()
    wrong = [
        row.id[:12] for row in rows.values() if row.seq not in cut and not is_proven(row, rows, delta_at(db, row.seq))
    ]
    if wrong:
        found.append(f"{len(wrong)} commits are not what was committed, such as {', '.join(wrong[:5])}.")
    return found


def delta_at(db: sqlite3.Connection, seq: int) -> Delta | None:
    """Return what a commit changed, by its number; None where its rows cannot be read."""
    try:
        return Delta.of_rows(db.execute("select kind, name, value from changes where seq = ?", (seq,)).fetchall())
    except (sqlite3.DatabaseError, ValueError, AttributeError, TypeError):
        return None


def is_proven(row: CommitRow, rows: Mapping[int, CommitRow], delta: Delta | None) -> bool:
    """Return whether the content hashes to the id; False, too, if that cannot be checked."""
    wanted = [each for each in (row.parent, row.merged) if each is not None]
    parents = [rows[each].id for each in wanted if each in rows]
    if delta is None or len(parents) < len(wanted):
        return False
    first, merged = (*parents, None, None)[:2]
    try:
        properties = json.loads(row.properties)
        change = Change(message=row.message, properties=properties, author=row.author, merged=merged)
        return commit_of(first, change, delta, row.committed_at).id == row.id
    except (ValueError, TypeError, OverflowError, InvalidName):
        return False


def each_row(db: sqlite3.Connection, query: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a range of numbers, halving it where it cannot be read."""
    if low > high:
        return
    try:
        rows = db.execute(query, (low, high)).fetchall()
    except sqlite3.DatabaseError:
        if low < high:
            middle = (low + high) // 2
            yield from each_row(db, query, low, middle)
            yield from each_row(db, query, middle + 1, high)
        return
    yield from rows


def all_rows(db: sqlite3.Connection, query: str, order: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table that can be reached from either end."""
    found: dict[tuple[Any, ...], None] = {}
    for direction in ("asc", "desc"):
        by = ", ".join(f"{column} {direction}" for column in order.split(", "))
        with suppress(sqlite3.DatabaseError):
            for row in db.execute(f"{query} order by {by}"):
                found[row] = None
    return list(found)
