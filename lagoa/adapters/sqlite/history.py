"""Reads the history in a catalog file: commits, their ancestry, and the whole state at each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING, Any

from lagoa.adapters.shared.states import Delta
from lagoa.adapters.sqlite.file import JOINT, RESTORE
from lagoa.domain.commits import Commit
from lagoa.errors import CatalogDamaged, RefNotFound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

    from lagoa.domain.tables import TableName

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_PAGE, _LAST_PAGE = 8, 1024

_COMMIT = (
    "c.id, p.id, m.id, c.message, c.author, c.committed_at, c.properties "
    "from commits c left join commits p on p.seq = c.parent left join commits m on m.seq = c.merged"
)


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Return the UTC moment so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=micros)


@dataclass(frozen=True, slots=True)
class Node:
    """A commit's place in the file: its row, and how the state at it is put together."""

    seq: int
    parent: int | None
    checkpoint: int
    weight: int


def node(db: sqlite3.Connection, commit: str) -> Node:
    """Return the place of a commit; raises `RefNotFound`."""
    row = db.execute("select seq, parent, checkpoint, weight from commits where id = ?", (commit,))
    found = row.fetchone()
    if found is None:
        raise RefNotFound(commit, "there is no such commit")
    return Node(*found)


def read_commit(db: sqlite3.Connection, commit: str) -> Commit:
    """Return a commit by its full id; raises `RefNotFound`."""
    row = db.execute(f"select {_COMMIT} where c.id = ?", (commit,)).fetchone()
    if row is None:
        raise RefNotFound(commit, "there is no such commit")
    return _commit(row)


def first_parents(db: sqlite3.Connection, commit: str, count: int, table: str | None = None) -> list[Commit]:
    """Return of this commit and its first parents, at most `count` commits, newest first.

    Args:
        db: the file.
        commit: id of the first one.
        count: how many are looked at.
        table: its name in the changes: those with one parent that leave it as it is are left out, but for the first and
            the last.
    """
    rows = db.execute(
        f"""
        with recursive line (seq, parent, back) as (
            select seq, parent, 1 from commits where id = :commit
            union all
            select c.seq, c.parent, line.back + 1 from line join commits c on c.seq = line.parent
            where line.back < :count
        )
        select {_COMMIT} join line on line.seq = c.seq
        where :name is null or c.merged is not null or c.parent is null or line.back in (1, :count)
            or exists (select 1 from changes where seq = c.seq and kind = 't' and name = :name)
        order by line.back
        """,  # noqa: S608 - a constant
        {"commit": commit, "count": count, "name": table},
    )
    return [_commit(row) for row in rows]


def changed_tables(db: sqlite3.Connection, at: Node) -> Collection[TableName]:
    """Return the tables that a commit changed."""
    rows = db.execute("select kind, name, value from changes where seq = ? and kind = 't'", (at.seq,))
    return Delta.of_rows(rows).tables.keys()


def pages() -> Iterator[int]:
    """Yield sizes of pages of a log: small first, as most readers want the newest."""
    size = _FIRST_PAGE
    while True:
        yield size
        size = min(size * 2, _LAST_PAGE)


def ancestor_at(db: sqlite3.Connection, commit: str, back: int) -> str | None:
    """Return the id of the commit so many first parents back; None when history is shorter."""
    row = db.execute(
        """
        with recursive line (seq, parent, back) as (
            select seq, parent, 0 from commits where id = ?
            union all
            select c.seq, c.parent, line.back + 1 from line join commits c on c.seq = line.parent where line.back < ?
        )
        select id from commits where seq = (select seq from line where back = ?)
        """,
        (commit, back, back),
    ).fetchone()
    return None if row is None else str(row[0])


def is_ancestor(db: sqlite3.Connection, ancestor: Node, of: Node) -> bool:
    """Return whether one commit is the other or lies behind it."""
    return _meet(db, ancestor, of, ancestor.seq) == ancestor.seq


def merge_base(db: sqlite3.Connection, a: Node, b: Node) -> str:
    """Return the id of the common ancestor that arrived last: no other common ancestor can have come from it.

    Raises:
        CatalogDamaged: the file has lost it.
    """
    row = db.execute("select id from commits where seq = ?", (_meet(db, a, b, 1),)).fetchone()
    if row is None:
        raise CatalogDamaged("The last commit that two branches have in common is missing in the catalog.", RESTORE)
    return str(row[0])


def _meet(db: sqlite3.Connection, a: Node, b: Node, bottom: int) -> int | None:
    """Return the last row, not before `bottom`, from which both commits come.

    A parent arrives before its child, so one pass from the newest row down meets every child before its parents. Only
    joints are read: commits whose first parent is not the row right before them, and those with two parents. Between
    two joints each row is the only parent of the next.
    """
    joints = db.execute(
        f"select seq, parent, merged from commits where {JOINT} and seq between ? and ? order by seq desc",  # noqa: S608
        (bottom, max(a.seq, b.seq)),
    )
    sides = {a.seq: 1}
    sides[b.seq] = sides.get(b.seq, 0) | 2
    waiting = [-seq for seq in sides]
    heapify(waiting)
    for joint, parent, merged in chain(joints, [(bottom, None, None)]):
        seen = 0
        while waiting and -waiting[0] >= joint:
            row = -heappop(waiting)
            seen |= sides.pop(row)
            if seen == 3:  # noqa: PLR2004 - from both sides
                joints.close()
                return row
        if seen:
            for row in (parent, merged):
                if row in sides:
                    sides[row] |= seen
                elif row is not None:
                    heappush(waiting, -row)
                    sides[row] = seen
    return None


def _commit(row: tuple[Any, ...]) -> Commit:
    id_, parent, merged, message, author, committed_at, properties = row
    parents = tuple(each for each in (parent, merged) if each is not None)
    return Commit(id_, parents, message, author, from_micros(committed_at), json.loads(properties))
