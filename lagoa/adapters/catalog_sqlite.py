"""The versioned catalog in one SQLite file: branches, tags and commits over tables' metadata pointers."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from lagoa.adapters import _sqlite_history as history
from lagoa.adapters._sqlite_file import SqliteFile
from lagoa.adapters._sqlite_history import Delta, State, States, canonical, from_micros, to_micros
from lagoa.errors import CommitLost, NotASuccessor, RefExists, RefNotFound, RefProtected
from lagoa.model import MAIN, Change, Commit, Ref, RefInfo, TableName, check_ref_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lagoa.ports import Namespace, Pointers

BUSY_SECONDS = 30.0

_LEAST_WEIGHT = 100
"""Reading so many commits and changes back costs less than a checkpoint is worth."""


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteCatalog:
    """A `VersionedCatalog` in one file; several threads and processes may use it at once.

    A commit is a delta along its first parent. A checkpoint (the whole state) is written when the deltas since the
    last one outweigh the state there, so that reading a state costs at most about twice the state. A branch is a row.

    Args:
        path: the file.
        create: make it, with an empty root commit and `main`, when it is missing.
        busy_seconds: how long a call waits for another writer.
        clock: where the time of commits and moves comes from.

    Raises:
        CatalogDamaged: the file is missing, no catalog, or damaged.
        LakeTooNew: it was written by a newer Lagoa.
        CatalogBusy: it is locked by others for too long.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._clock = clock
        self._file = SqliteFile(path, busy_seconds)
        self._states = States()
        if create:
            self._file.create(self._fill)
        with self._file.reading():  # a file that cannot be used is told now, not in the middle of a run
            pass

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now.

        `name@hash` must lie in the history of `name`. `name*time` is what the journal of swaps says: before the first
        swap the state at the start, and nothing for a branch that was never swapped or for a time to come.
        """
        ref = Ref.parse(ref) if isinstance(ref, str) else ref
        with self._file.reading() as db:
            commit = _ref(db, ref.name).commit
            if ref.at is not None:
                commit = self._moved(db, ref, ref.at)
            if ref.commit is not None:
                commit = _of_prefix(db, ref, commit)
            if ref.back:
                found = history.ancestor_at(db, commit, ref.back)
                if found is None:
                    raise RefNotFound(str(ref), "its history is not that long")
                commit = found
            return history.read_commit(db, commit)

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""
        with self._file.reading() as db:
            return _ref(db, name)

    def refs(self) -> Sequence[RefInfo]:
        """Return all branches and tags, by name."""
        with self._file.reading() as db:
            rows = db.execute(f"select {_REF} order by name").fetchall()
        return [_info(*row) for row in rows]

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Make a branch at a commit id: one row, whatever the number of tables."""
        return self._create_ref(name, "branch", at)

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Make a tag at a commit id."""
        return self._create_ref(name, "tag", at)

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag that is at `expected`, a branch with its journal. Its commits stay."""
        if name == MAIN:
            raise RefProtected(name)
        with self._file.writing() as db:
            info = _ref(db, name)
            if info.commit != expected:
                raise CommitLost(name, expected, info.commit)
            db.execute("delete from refs where name = ?", (name,))
            db.execute("delete from moves where branch = ?", (name,))

    def commit(self, branch: str, expected: str, change: Change) -> Commit:
        """Land `change` as one commit on `branch`, if its head is `expected`: all or nothing.

        The error for a lost race names those tables of the change that the other writers changed.
        """
        if branch == MAIN:
            raise RefProtected(branch)
        with self._file.reading() as db:
            self._expect(db, branch, expected, change)
            before = self._states.at(db, expected)
        delta = _delta(before, change)
        after = before.changed(delta)
        commit = _commit(expected, change, delta, to_micros(self._clock()))
        with self._file.writing() as db:
            self._expect(db, branch, expected, change)
            _insert(db, commit, delta, after)
            _point(db, branch, commit.id)
        self._states.keep(commit.id, after)
        return commit

    def swap(self, branch: str, expected: str, to: str) -> datetime:
        """Move `branch` from `expected` to a commit whose first parent that is, and enter it in the journal.

        Moments of one branch strictly increase, also when the clock is set back.
        """
        with self._file.writing() as db:
            self._expect(db, branch, expected)
            parents = history.read_commit(db, to).parents
            if parents[:1] != (expected,):
                raise NotASuccessor(branch, expected, to)
            (last,) = db.execute("select max(moved_at) from moves where branch = ?", (branch,)).fetchone()
            moment = to_micros(self._clock())
            if last is not None:
                moment = max(moment, last + 1)
            db.execute(
                "insert into moves (branch, moved_at, previous, seq) "
                "select ?, ?, p.seq, c.seq from commits p, commits c where p.id = ? and c.id = ?",
                (branch, moment, expected, to),
            )
            _point(db, branch, to)
        return from_micros(moment)

    def moves(self, branch: str) -> Sequence[tuple[datetime, str]]:
        """Return the swaps of a branch from the journal: (moment, commit id), oldest first."""
        with self._file.reading() as db:
            _ref(db, branch)
            rows = db.execute(
                "select moved_at, id from moves join commits using (seq) where branch = ? order by moved_at", (branch,)
            ).fetchall()
        return [(from_micros(moment), commit) for moment, commit in rows]

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""
        with self._file.reading() as db:
            return history.read_commit(db, commit)

    def log(self, commit: str) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root."""
        following = commit
        for size in history.pages():
            with self._file.reading() as db:  # not held while the caller looks at a page
                page = history.first_parents(db, following, size)
            if not page:
                raise RefNotFound(commit, "there is no such commit")
            yield from page
            if not page[-1].parents:
                return
            following = page[-1].parents[0]

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether `ancestor` is `of` or lies behind it, by any parent."""
        with self._file.reading() as db:
            return history.is_ancestor(db, history.node(db, ancestor), history.node(db, of))

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor, by any parent."""
        with self._file.reading() as db:
            return history.merge_base(db, history.node(db, a), history.node(db, b))

    def tables(self, commit: str) -> Pointers:
        """Return the pointer of each table at a commit."""
        return dict(self._state(commit).tables)

    def namespaces(self, commit: str) -> Mapping[Namespace, Mapping[str, str]]:
        """Return the namespaces at a commit with their properties."""
        return dict(self._state(commit).namespaces)

    def diff(self, a: str, b: str) -> Mapping[TableName, tuple[str | None, str | None]]:
        """Return each table whose pointer differs, as (at a, at b), by name."""
        left, right = self._state(a).tables, self._state(b).tables
        differing = {name for name, _ in left.items() ^ right.items()}
        return {name: (left.get(name), right.get(name)) for name in sorted(differing)}

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _fill(self, db: sqlite3.Connection) -> None:
        root = _commit(None, Change(message="The empty lake"), Delta(), to_micros(self._clock()))
        _insert(db, root, Delta(), State())
        _insert_ref(db, RefInfo(MAIN, "branch", root.id, root.committed_at))

    def _create_ref(self, name: str, kind: Literal["branch", "tag"], at: str) -> RefInfo:
        check_ref_name(name)
        ref = RefInfo(name, kind, at, from_micros(to_micros(self._clock())))
        with self._file.writing() as db:
            history.node(db, at)
            try:
                _insert_ref(db, ref)
            except sqlite3.IntegrityError as error:
                raise RefExists(name) from error
        return ref

    def _state(self, commit: str) -> State:
        with self._file.reading() as db:
            return self._states.at(db, commit)

    def _expect(self, db: sqlite3.Connection, branch: str, expected: str, change: Change | None = None) -> None:
        info = _ref(db, branch)
        if info.kind == "tag":
            raise RefProtected(branch)
        if info.commit == expected:
            return
        tables: list[TableName] = []
        if change is not None and change.tables:
            then, now = self._states.at(db, expected).tables, self._states.at(db, info.commit).tables
            tables = sorted(table for table in change.tables if then.get(table) != now.get(table))
        raise CommitLost(branch, expected, info.commit, tables)

    def _moved(self, db: sqlite3.Connection, ref: Ref, at: datetime) -> str:
        query = (
            "select moved_at, p.id, c.id from moves m join commits p on p.seq = m.previous "
            "join commits c on c.seq = m.seq where branch = ? "
        )
        moment = to_micros(at)
        before = db.execute(f"{query} and moved_at <= ? order by moved_at desc limit 1", (ref.name, moment)).fetchone()
        first = before or db.execute(f"{query} order by moved_at limit 1", (ref.name,)).fetchone()
        if first is None and ref.name != MAIN:
            raise RefNotFound(str(ref), "only a branch that is published to, such as main, knows its state by time")
        (last,) = db.execute("select coalesce(max(moved_at), 0) from moves where branch = ?", (ref.name,)).fetchone()
        if moment > max(to_micros(self._clock()), last):
            raise RefNotFound(str(ref), "that moment has not come")
        if first is None:
            return _ref(db, ref.name).commit
        return str(before[2] if before else first[1])


def _commit(parent: str | None, change: Change, delta: Delta, micros: int) -> Commit:
    """Return a commit under the hash of its content: the same content is the same commit, on any machine."""
    parents = tuple(each for each in (parent, change.merged) if each is not None)
    properties = dict(change.properties)
    content = [parents, delta.rows(), change.message, change.author, micros, properties]
    digest = sha256(canonical(content).encode()).hexdigest()
    return Commit(digest, parents, change.message, change.author, from_micros(micros), properties)


def _delta(before: State, change: Change) -> Delta:
    """Return what really changes; a namespace comes with its first table and stays while it holds one."""
    tables = {name: pointer for name, pointer in change.tables.items() if before.tables.get(name) != pointer}
    after = before.changed(Delta(tables)).tables
    held = {table.namespace for table in after}
    namespaces: dict[Namespace, Mapping[str, str] | None] = {}
    for namespace, properties in change.namespaces.items():
        if properties is None and namespace in held:
            continue
        if before.namespaces.get(namespace) != properties:
            namespaces[namespace] = None if properties is None else dict(properties)
    for namespace in held - before.namespaces.keys() - namespaces.keys():
        namespaces[namespace] = {}
    return Delta(tables, namespaces)


def _insert(db: sqlite3.Connection, commit: Commit, delta: Delta, state: State) -> None:
    if db.execute("select 1 from commits where id = ?", (commit.id,)).fetchone():
        return  # the same content was committed on another branch in the same microsecond
    (seq,) = db.execute("select coalesce(max(seq), 0) + 1 from commits").fetchone()
    parents = [history.node(db, parent) for parent in commit.parents]
    first, merged = (*parents, None, None)[:2]
    generation = 1 + max((parent.generation for parent in parents), default=0)
    checkpoint, weight = seq, 0
    if first is not None:
        (entries,) = db.execute("select entries from checkpoints where seq = ?", (first.checkpoint,)).fetchone()
        weight = first.weight + 1 + len(delta)
        if weight > max(_LEAST_WEIGHT, entries):
            weight = 0
        else:
            checkpoint = first.checkpoint
    db.execute(
        "insert into commits values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seq,
            commit.id,
            first and first.seq,
            merged and merged.seq,
            generation,
            checkpoint,
            weight,
            to_micros(commit.committed_at),
            commit.author,
            commit.message,
            canonical(commit.properties),
        ),
    )
    db.executemany("insert into changes values (?, ?, ?, ?)", [(seq, *row) for row in delta.rows()])
    if checkpoint == seq:
        db.execute("insert into checkpoints values (?, ?, ?)", (seq, len(state), state.pack()))


_REF = "name, kind, (select id from commits where commits.seq = refs.seq), created_at from refs"


def _ref(db: sqlite3.Connection, name: str) -> RefInfo:
    row = db.execute(f"select {_REF} where name = ?", (name,)).fetchone()
    if row is None:
        raise RefNotFound(name)
    return _info(*row)


def _info(name: str, kind: Literal["branch", "tag"], commit: str, created_at: int) -> RefInfo:
    return RefInfo(name, kind, commit, from_micros(created_at))


def _insert_ref(db: sqlite3.Connection, ref: RefInfo) -> None:
    db.execute(
        "insert into refs select ?, ?, seq, ? from commits where id = ?",
        (ref.name, ref.kind, to_micros(ref.created_at), ref.commit),
    )


def _point(db: sqlite3.Connection, branch: str, commit: str) -> None:
    db.execute("update refs set seq = (select seq from commits where id = ?) where name = ?", (commit, branch))


def _of_prefix(db: sqlite3.Connection, ref: Ref, head: str) -> str:
    """Return the id of the one commit in the history of `head` that begins with the ref's hash."""
    prefix = ref.commit or ""
    rows = db.execute("select id from commits where id >= ? and id < ? limit 100", (prefix, f"{prefix}g")).fetchall()
    of = history.node(db, head)
    found = [commit for (commit,) in rows if history.is_ancestor(db, history.node(db, commit), of)]
    if not found:
        raise RefNotFound(str(ref), f"no commit that begins so lies in the history of {ref.name}")
    if len(found) > 1:
        raise RefNotFound(str(ref), f"{len(found)} commits begin so; give more digits")
    return str(found[0])
