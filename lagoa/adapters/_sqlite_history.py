"""Reads the history in a catalog file: commits, their ancestry, and the whole state at each of them."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.errors import RefNotFound
from lagoa.model import Commit, TableName

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from lagoa.ports import Namespace

_K = TypeVar("_K")
_V = TypeVar("_V")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CACHED_STATES = 64
_FIRST_PAGE, _LAST_PAGE = 64, 1024

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
class State:
    """All tables and namespaces at one commit. Shared between callers: never changed once built."""

    tables: Mapping[TableName, str] = field(default_factory=dict)
    namespaces: Mapping[Namespace, Mapping[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tables) + len(self.namespaces)

    def changed(self, delta: Delta) -> State:
        """Return the state after a delta."""
        return State(_apply(self.tables, delta.tables), _apply(self.namespaces, delta.namespaces))

    def pack(self) -> bytes:
        """Return the state as compressed JSON: a fifth of its rows' size, and read as fast."""
        document = [
            [[*table.namespace, table.name, pointer] for table, pointer in sorted(self.tables.items())],
            [[list(namespace), properties] for namespace, properties in sorted(self.namespaces.items())],
        ]
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), level=1)

    @classmethod
    def unpack(cls, packed: bytes) -> State:
        """Return the state that `pack` wrote."""
        tables, namespaces = json.loads(zlib.decompress(packed))
        return cls(
            {TableName(tuple(parts), name): pointer for *parts, name, pointer in tables},
            {tuple(namespace): properties for namespace, properties in namespaces},
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """What a commit changes against its first parent; None removes."""

    tables: Mapping[TableName, str | None] = field(default_factory=dict)
    namespaces: Mapping[Namespace, Mapping[str, str] | None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tables) + len(self.namespaces)

    def rows(self) -> list[tuple[str, str, str | None]]:
        """Return (kind, name, value) of each change, in order of kind and name."""
        rows = [("t", canonical([*table.namespace, table.name]), pointer) for table, pointer in self.tables.items()]
        rows += [
            ("n", canonical(list(namespace)), None if properties is None else canonical(properties))
            for namespace, properties in self.namespaces.items()
        ]
        return sorted(rows, key=lambda row: row[:2])

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[str, str, str | None]]) -> Delta:
        """Return the sum of changes; a later row of the same name goes before an earlier one."""
        tables: dict[TableName, str | None] = {}
        namespaces: dict[Namespace, Mapping[str, str] | None] = {}
        for kind, name, value in rows:
            parts = json.loads(name)
            if kind == "t":
                tables[TableName(tuple(parts[:-1]), parts[-1])] = value
            else:
                namespaces[tuple(parts)] = None if value is None else json.loads(value)
        return cls(tables, namespaces)


@dataclass(frozen=True, slots=True)
class Node:
    """A commit's place in the file: its row, and how the state at it is put together."""

    seq: int
    parent: int | None
    generation: int
    checkpoint: int
    weight: int


def node(db: sqlite3.Connection, commit: str) -> Node:
    """Return the place of a commit; raises `RefNotFound`."""
    row = db.execute("select seq, parent, generation, checkpoint, weight from commits where id = ?", (commit,))
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


def first_parents(db: sqlite3.Connection, commit: str, count: int) -> list[Commit]:
    """Return at most `count` commits: this one and its first parents, newest first."""
    rows = db.execute(
        f"""
        with recursive line (seq, parent, back) as (
            select seq, parent, 1 from commits where id = ?
            union all
            select c.seq, c.parent, line.back + 1 from line join commits c on c.seq = line.parent where line.back < ?
        )
        select {_COMMIT} join line on line.seq = c.seq order by line.back
        """,  # noqa: S608 - a constant
        (commit, count),
    )
    return [_commit(row) for row in rows]


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
    """Return whether one commit is the other or lies behind it.

    Only commits of at least the ancestor's generation are visited: a parent's is always lower.
    """
    (found,) = db.execute(
        """
        with recursive up (seq) as (
            select ?
            union
            select p.seq from up
            join commits c on c.seq = up.seq
            join commits p on p.seq in (c.parent, c.merged)
            where p.generation >= ?
        )
        select exists (select 1 from up where seq = ?)
        """,
        (of.seq, ancestor.generation, ancestor.seq),
    ).fetchone()
    return bool(found)


def merge_base(db: sqlite3.Connection, a: Node, b: Node) -> str:
    """Return the id of the common ancestor of the highest generation.

    Both sides walk up together, highest generation first, so that all children of a commit were seen before it: the
    first commit seen from both sides has no common ancestor above it.
    """
    walk = db.execute(
        """
        with recursive walk (generation, seq, side) as (
            select generation, seq, 1 from commits where seq = ?
            union
            select generation, seq, 2 from commits where seq = ?
            union
            select p.generation, p.seq, walk.side from walk
            join commits c on c.seq = walk.seq
            join commits p on p.seq in (c.parent, c.merged)
            order by 1 desc, 2 desc
        )
        select seq from walk
        """,
        (a.seq, b.seq),
    )
    previous = 0
    for (seq,) in walk:
        if seq == previous:
            walk.close()
            break
        previous = seq
    (found,) = db.execute("select id from commits where seq = ?", (previous,)).fetchone()
    return str(found)


class States:
    """The state at each commit: its checkpoint with the deltas after it; the last ones used are kept."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, State] = OrderedDict()

    def at(self, db: sqlite3.Connection, commit: str) -> State:
        """Return the state at a commit; raises `RefNotFound`."""
        with self._lock:
            if commit in self._kept:
                self._kept.move_to_end(commit)
                return self._kept[commit]
        state = _read_state(db, node(db, commit))
        self.keep(commit, state)
        return state

    def keep(self, commit: str, state: State) -> None:
        """Keep a state for the next reader."""
        with self._lock:
            self._kept[commit] = state
            self._kept.move_to_end(commit)
            if len(self._kept) > _CACHED_STATES:
                self._kept.popitem(last=False)


def _read_state(db: sqlite3.Connection, at: Node) -> State:
    (packed,) = db.execute("select state from checkpoints where seq = ?", (at.checkpoint,)).fetchone()
    rows = db.execute(
        """
        with recursive line (seq, parent) as (
            select seq, parent from commits where seq = :seq and seq <> :checkpoint
            union all
            select c.seq, c.parent from line join commits c on c.seq = line.parent where c.seq <> :checkpoint
        )
        select kind, name, value from line join changes using (seq) order by seq
        """,
        {"seq": at.seq, "checkpoint": at.checkpoint},
    )
    return State.unpack(packed).changed(Delta.of_rows(rows))


def _commit(row: tuple[Any, ...]) -> Commit:
    id_, parent, merged, message, author, committed_at, properties = row
    parents = tuple(each for each in (parent, merged) if each is not None)
    return Commit(id_, parents, message, author, from_micros(committed_at), json.loads(properties))


def _apply(before: Mapping[_K, _V], changes: Mapping[_K, _V | None]) -> dict[_K, _V]:
    after = dict(before)
    for key, value in changes.items():
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


def canonical(value: object) -> str:
    """Return JSON of which there is one text for each value."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
