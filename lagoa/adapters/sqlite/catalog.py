"""The versioned catalog in one SQLite file: branches, tags and commits over tables' metadata pointers."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from lagoa.adapters.shared.states import commit_lost, delta_of, key_of
from lagoa.adapters.sqlite import history, refs, saving
from lagoa.adapters.sqlite.file import SqliteFile
from lagoa.adapters.sqlite.history import from_micros, to_micros
from lagoa.adapters.sqlite.home import pointers, read_home, write_home
from lagoa.adapters.sqlite.states import States
from lagoa.adapters.sqlite.write import commit_of, insert_commit, insert_root
from lagoa.domain.refs import MAIN, Ref, RefInfo, check_ref_name
from lagoa.domain.tables import tables_differing
from lagoa.errors import (
    CatalogBusy,
    CommitLost,
    LakeNotEmpty,
    NotASuccessor,
    RefExists,
    RefNotFound,
    RefProtected,
    TerminalError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from lagoa.adapters.shared.states import State
    from lagoa.domain.commits import Change, Commit
    from lagoa.domain.ports.catalog import Namespace, Pointers
    from lagoa.domain.saved import SavedCatalog
    from lagoa.domain.tables import TableName

BUSY_SECONDS = 30.0


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteCatalog:
    """A `VersionedCatalog` in one file; several threads and processes may use it at once.

    A commit is a delta along its first parent. A checkpoint (the whole state) is written when the deltas since the
    last one come to half the state there: reading a state never costs much more than the state itself, and all
    checkpoints together are in proportion to what was written. A branch is one row.

    Args:
        path: the file.
        create: make it, with an empty root commit and `main`, when it is missing.
        traces: what is made after a catalog: with one of them there, a missing catalog is not made again.
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
        traces: Sequence[Path] = (),
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._clock = clock
        self._file = SqliteFile(path, busy_seconds)
        self._states = States()
        if create:
            self._file.create(lambda db: insert_root(db, clock()), traces)
        with self._file.reading():  # an unusable file is reported now, not in the middle of a run
            pass

    def resolve(self, ref: Ref | str) -> Commit:
        """Return the commit that a ref names now.

        `name@hash` must lie in the history of `name`. `name*time` is what the journal of swaps says: before the first
        swap the state at the start, and nothing for a branch that was never swapped or for a time to come.
        """
        ref = Ref.parse(ref) if isinstance(ref, str) else ref
        with self._file.reading() as db:
            commit = refs.read(db, ref.name).commit
            if ref.at is not None:
                commit = refs.at_time(db, ref, ref.at, self._clock())
            if ref.commit is not None:
                commit = refs.of_prefix(db, ref, commit)
            if ref.back:
                found = history.ancestor_at(db, commit, ref.back)
                if found is None:
                    raise RefNotFound(str(ref), "its history is not that long")
                commit = found
            return history.read_commit(db, commit)

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag."""
        with self._file.reading() as db:
            return refs.read(db, name)

    def refs(self, prefix: str = "") -> Sequence[RefInfo]:
        """Return the branches and tags whose names begin with a prefix, by name; by default all."""
        bounds = (prefix, f"{prefix}{chr(sys.maxunicode)}")
        with self._file.reading() as db:
            rows = db.execute(f"select {refs.COLUMNS} where name between ? and ? order by name", bounds).fetchall()
        return [refs.info(*row) for row in rows]

    def create_branch(self, name: str, at: str) -> RefInfo:
        """Make a branch at a commit id: one row, whatever the number of tables."""
        return self._create_ref(name, "branch", at)

    def create_tag(self, name: str, at: str) -> RefInfo:
        """Make a tag at a commit id."""
        return self._create_ref(name, "tag", at)

    def delete_ref(self, name: str, expected: str) -> None:
        """Remove a branch or tag that is at `expected`, a branch with its journal. Its commits stay."""
        if name == MAIN:
            raise RefProtected(name, deleting=True)
        with self._file.writing() as db:
            info = refs.read(db, name)
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
        delta = delta_of(before, change)
        after = before.changed(delta)
        commit = commit_of(expected, change, delta, to_micros(self._clock()))
        with self._file.writing() as db:
            self._expect(db, branch, expected, change)
            insert_commit(db, commit, delta, after)
            refs.point(db, branch, commit.id)
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
            refs.point(db, branch, to)
        return from_micros(moment)

    def moves(self, branch: str, newest: int | None = None) -> Sequence[tuple[datetime, str]]:
        """Return the swaps of a branch from the journal: (moment, commit id), oldest first; all, or the newest ones."""
        with self._file.reading() as db:
            refs.read(db, branch)
            rows = db.execute(
                "select moved_at, id from moves join commits using (seq)"
                " where branch = ? order by moved_at desc limit ?",
                (branch, -1 if newest is None else newest),
            ).fetchall()
        return [(from_micros(moment), commit) for moment, commit in reversed(rows)]

    def moved_at(self, branch: str, commit: str) -> datetime | None:
        """Return when a branch was moved to a commit, from the journal; None if it never was."""
        with self._file.reading() as db:
            refs.read(db, branch)
            row = db.execute(
                "select moved_at from moves where branch = ? and seq = (select seq from commits where id = ?)",
                (branch, commit),
            ).fetchone()
        return None if row is None else from_micros(row[0])

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id."""
        with self._file.reading() as db:
            return history.read_commit(db, commit)

    def log(self, commit: str, table: TableName | None = None) -> Iterator[Commit]:
        """Yield the commit and its first parents, newest first, to the root; but those that leave `table` alone."""
        following = commit
        name = None if table is None else key_of(table)
        for size in history.pages():
            with self._file.reading() as db:  # not held while the caller looks at a page
                page = history.first_parents(db, following, size, name)
            if not page:
                raise RefNotFound(commit, "there is no such commit")
            yield from page
            if not page[-1].parents:
                return
            following = page[-1].parents[0]

    def changed(self, commit: str) -> Collection[TableName]:
        """Return the tables that a commit changed against its first parent."""
        with self._file.reading() as db:
            return history.changed_tables(db, history.node(db, commit))

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
        return tables_differing(self._state(a).tables, self._state(b).tables)

    def home(self, derive: Callable[[Iterator[str]], str]) -> str:
        """Return the warehouse that the lake was made with; see `lagoa.storage.places`.

        Args:
            derive: gives it from the pointers of all commits, the latest first, where the file does not hold it yet.
                It is kept from then on, unless the file cannot be written.
        """
        with self._file.reading() as db:
            known = read_home(db)
            found = known if known is not None else derive(pointers(db))
        if known is not None:
            return known
        with suppress(CatalogBusy, TerminalError), self._file.writing() as db:
            write_home(db, found)
        return found

    def pointers(self, since: datetime | None = None) -> Iterator[str]:
        """Yield every pointer that any commit has set since a time, the latest first; of deleted branches, too."""
        with self._file.reading() as db:
            yield from pointers(db, to_micros(since) if since else 0)

    @contextmanager
    def saved(self) -> Iterator[SavedCatalog]:
        """Return the catalog as it is at one time; commits are read while the block runs. Writers go on."""
        with self._file.reading() as db:
            db.execute("begin")  # all that follows sees one state
            try:
                yield saving.read_saved(db)
            finally:
                db.execute("rollback")

    def is_new(self) -> bool:
        """Return whether nothing was ever committed."""
        with self._file.reading() as db:
            return saving.is_new(db)

    def bring_back(self, saved: SavedCatalog, then: Callable[[Mapping[str, str]], None]) -> None:
        """Replace what a new catalog has by a saved one; see `lagoa.domain.ports.saving`."""
        with self._file.writing() as db:
            if not saving.is_new(db):
                raise LakeNotEmpty(str(self._file.path))
            then(saving.bring_back(db, saved, self._states))

    def keep_home(self, home: str) -> None:
        """Record the warehouse that the lake was made with, in a catalog that does not know it."""
        with self._file.writing() as db:
            write_home(db, home)

    def verify(self) -> list[str]:
        """Return what is wrong with the file, a sentence each: SQLite's own check, and the hash of every commit."""
        from lagoa.adapters.sqlite.proof import faults

        with self._file.reading() as db:
            return faults(db)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _create_ref(self, name: str, kind: Literal["branch", "tag"], at: str) -> RefInfo:
        check_ref_name(name)
        now = from_micros(to_micros(self._clock()))
        ref = RefInfo(name, kind, at, now)
        with self._file.writing() as db:
            history.node(db, at)
            try:
                refs.insert(db, ref, now)
            except sqlite3.IntegrityError as error:
                raise RefExists(name) from error
        return ref

    def _state(self, commit: str) -> State:
        with self._file.reading() as db:
            return self._states.at(db, commit)

    def _expect(self, db: sqlite3.Connection, branch: str, expected: str, change: Change | None = None) -> None:
        info = refs.read(db, branch)
        if info.kind == "tag":
            raise RefProtected(branch)
        if info.commit != expected:
            raise commit_lost(branch, expected, info.commit, change, lambda commit: self._states.at(db, commit).tables)
