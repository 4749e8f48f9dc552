"""Takes what can still be read out of a damaged catalog file, proves it, and puts it into a new file."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.adapters.shared.states import Delta, State
from lagoa.adapters.sqlite.file import SqliteFile
from lagoa.adapters.sqlite.history import from_micros, node
from lagoa.adapters.sqlite.home import read_home, write_home
from lagoa.adapters.sqlite.proof import COMMITS, CUT, ROOT, CommitRow, all_rows, delta_at, each_row, is_proven
from lagoa.adapters.sqlite.states import read_state
from lagoa.adapters.sqlite.write import insert_root
from lagoa.domain.refs import MAIN, check_ref_name
from lagoa.errors import InvalidName, TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE_COUNT = slice(28, 32)
"""Where SQLite's header says how many pages the file has (https://www.sqlite.org/fileformat.html, 1.3)."""

_BACKUP = "Put the lake's state folder back from a backup, whole."

_LEAST_COMMIT = 64
"""No commit takes fewer bytes: its id alone has so many."""


@dataclass(slots=True)
class Salvage:
    """What came of a damaged catalog.

    Attributes:
        commits: how many were kept; each was proven by its hash, or is listed in `lost`.
        lost: what was not, a sentence each.
    """

    commits: int = 0
    lost: list[str] = field(default_factory=list)


def repair(path: Path) -> tuple[Salvage, Path]:
    """Put a new catalog in the place of a damaged one, with all that can be read and proven of it.

    A commit is kept when its content hashes to its id and its state is known: its parent is kept, or the whole
    state was written at it. Where history before such a commit is lost it continues at the empty root. No other process
    may use the lake meanwhile.

    Returns:
        What came of it, and the folder that the damaged file now lies in, as it was.

    Raises:
        TerminalError: nothing of it can be read; it is left where it is.
    """
    if not path.is_file():
        raise TerminalError(f"There is no catalog at {path}: nothing of it can be read.", _BACKUP)
    now = datetime.now(UTC)
    made = path.with_name(f"{path.name}.new")
    made.unlink(missing_ok=True)
    try:
        SqliteFile(made, 0.0).create(lambda db: insert_root(db, now))
        with _readable(path, made) as old, closing(sqlite3.connect(made, isolation_level=None)) as new:
            new.execute("begin immediate")
            outcome = _Salvager(old, new, path.stat().st_size).run()
            new.execute("commit")
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    away = path.with_name(f"damaged-{now:%Y%m%dT%H%M%S%f}")
    away.mkdir()
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(away / (path.name + suffix))
    made.rename(path)
    return outcome, away


class _Salvager:
    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, size: int) -> None:
        self._old = old
        self._new = new
        self._size = size
        self._rows: dict[int, CommitRow] = {}
        self._kept: set[int] = set()
        self._outcome = Salvage()

    def run(self) -> Salvage:
        self._new.execute(CUT)
        last = self._last()
        for values in each_row(self._old, COMMITS, ROOT, last):
            row = CommitRow(*values)
            if row.is_sound():
                self._rows[row.seq] = row
        if not self._rows:
            raise TerminalError("No commit can be read.", _BACKUP)
        self._keep_root()
        for seq in sorted(self._rows.keys() - {ROOT}):
            self._keep(self._rows[seq])
        self._outcome.commits = len(self._kept)
        missing = last - len(self._kept)
        if missing:
            self._outcome.lost.append(f"{missing} of {last} commits cannot be read or proven.")
        self._keep_refs()
        self._keep_moves()
        self._keep_home()
        return self._outcome

    def _last(self) -> int:
        """Return the highest number that any table knows."""
        found = [ROOT]
        for table in ("commits", "changes", "refs", "moves"):
            with suppress(sqlite3.DatabaseError):
                (seq,) = self._old.execute(f"select max(seq) from {table}").fetchone()  # noqa: S608 - names of ours
                found.append(seq or 0)
        most = self._size // _LEAST_COMMIT  # what is read may be anything
        return min(max(each for each in found if isinstance(each, int)), most)

    def _keep_root(self) -> None:
        """Take the old root over; where it is lost, the new file's own stays in its place."""
        root = self._rows.get(ROOT)
        if root is not None and is_proven(root, self._rows, Delta()):
            self._new.execute(
                "update commits set id = ?, committed_at = ?, author = ?, message = ?, properties = ? where seq = ?",
                (root.id, root.committed_at, root.author, root.message, root.properties, ROOT),
            )
        else:
            self._outcome.lost.append("The first commit is lost; a new one, empty as it was, takes its place.")
        self._kept.add(ROOT)

    def _keep(self, row: CommitRow) -> None:
        delta, state = delta_at(self._old, row.seq), self._state(row)
        grafted = row.parent not in self._kept
        if delta is None or (grafted and state is None):
            return
        if not is_proven(row, self._rows, delta):
            known = all(each in self._rows for each in (row.parent, row.merged) if each is not None)
            if known or state is None:  # its hash is wrong, or nothing vouches for it
                return
        merged = row.merged if row.merged in self._kept else None
        if grafted or merged != row.merged:
            self._new.execute("insert into cut values (?)", (row.seq,))
        if grafted:
            self._outcome.lost.append(f"What lies before commit {row.id[:12]} is lost; the state at it is whole.")
        parent = ROOT if grafted else row.parent
        if row.checkpoint == row.seq and state is None:
            state = self._state_in_new(parent).changed(delta)
        checkpoint = row.checkpoint
        if checkpoint != row.seq:
            (checkpoint,) = self._new.execute("select checkpoint from commits where seq = ?", (parent,)).fetchone()
        self._new.execute(
            "insert into commits values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.seq, row.id, parent, merged, checkpoint, *astuple(row)[5:]),
        )
        self._new.executemany("insert into changes values (?, ?, ?, ?)", [(row.seq, *each) for each in delta.rows()])
        if state is not None:
            self._new.execute("insert into checkpoints values (?, ?, ?)", (row.seq, len(state), state.pack()))
        self._kept.add(row.seq)

    def _state_in_new(self, seq: int | None) -> State:
        (commit,) = self._new.execute("select id from commits where seq = ?", (seq,)).fetchone()
        return read_state(self._new, node(self._new, commit))

    def _state(self, row: CommitRow) -> State | None:
        """Return the whole state that was written at a commit, if one was and it is sound."""
        if row.checkpoint != row.seq:
            return None
        try:
            (packed,) = self._old.execute("select state from checkpoints where seq = ?", (row.seq,)).fetchone()
            return State.unpack(packed)
        except (sqlite3.DatabaseError, zlib.error, ValueError, TypeError):
            return None

    def _keep_refs(self) -> None:
        found = False
        for name, kind, seq, created_at in all_rows(self._old, "select name, kind, seq, created_at from refs", "name"):
            try:
                check_ref_name(name)
                from_micros(created_at)
            except (InvalidName, TypeError, OverflowError):
                continue
            kept = self._nearest(seq)
            if kind not in {"branch", "tag"}:
                continue
            if kept is None:
                self._outcome.lost.append(f"The {kind} {name!r} is lost with all its commits.")
                continue
            if kept != seq:
                self._outcome.lost.append(f"The {kind} {name!r} goes back to its last commit that is whole.")
            found |= name == MAIN
            self._new.execute("insert or replace into refs values (?, ?, ?, ?)", (name, kind, kept, created_at))
        if not found:
            self._restore_main()

    def _restore_main(self) -> None:
        moves = all_rows(self._old, "select moved_at, seq from moves where branch = 'main'", "moved_at")
        kept = [seq for _, seq in sorted(each for each in moves if isinstance(each[0], int)) if seq in self._kept]
        self._new.execute("update refs set seq = ? where name = ?", (kept[-1] if kept else ROOT, MAIN))
        self._outcome.lost.append(
            "main's own place is lost; it goes to the last publication in the journal that is whole."
            if kept
            else "main and its journal are lost; main is empty. Branches and tags that are listed are whole."
        )

    def _nearest(self, seq: int | None) -> int | None:
        while seq is not None and seq not in self._kept:
            row = self._rows.get(seq)
            seq = row.parent if row else None
        return None if seq == ROOT and len(self._kept) > 1 and self._rows.get(ROOT) is None else seq

    def _keep_moves(self) -> None:
        lost = 0
        query = "select branch, moved_at, previous, seq from moves"
        names = {name for (name,) in self._new.execute("select name from refs")}
        for branch, moved_at, previous, seq in all_rows(self._old, query, "branch, moved_at"):
            if branch in names and isinstance(moved_at, int) and {previous, seq} <= self._kept:
                self._new.execute("insert or ignore into moves values (?, ?, ?, ?)", (branch, moved_at, previous, seq))
            else:
                lost += 1
        if lost:
            self._outcome.lost.append(f"{lost} entries of the journal of publications are lost.")

    def _keep_home(self) -> None:
        """Take over where the lake was made; if that is lost, it is found from the pointers when the lake is opened."""
        with suppress(sqlite3.DatabaseError):
            home = read_home(self._old)
            if home is not None:
                write_home(self._new, home)


@contextmanager
def _readable(damaged: Path, new: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of a damaged file; where its first page is the damage, with that of a new catalog in its place.

    Every catalog is made by the same statements, so its tables begin on the same pages.
    """
    with tempfile.TemporaryDirectory(prefix="lagoa-salvage-", dir=new.parent) as folder:
        copy = Path(folder) / "catalog.db"
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
        if not _has_schema(copy):
            with closing(sqlite3.connect(new)) as made:
                (size,) = made.execute("pragma page_size").fetchone()
            first = bytearray(new.read_bytes()[:size])
            first[_PAGE_COUNT] = max(copy.stat().st_size // size, 1).to_bytes(4, "big")
            with copy.open("r+b") as file:
                file.write(first)
        with closing(sqlite3.connect(copy)) as db:
            yield db


def _has_schema(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as db:
            db.execute("select 1 from commits, changes, checkpoints, refs, moves limit 0")
    except sqlite3.DatabaseError:
        return False
    return True
