"""Puts commits into a catalog file."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from lagoa.adapters.shared.states import Delta, State, canonical
from lagoa.adapters.sqlite import refs
from lagoa.adapters.sqlite.history import from_micros, node, to_micros
from lagoa.domain.commits import Change, Commit
from lagoa.domain.refs import MAIN, RefInfo

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime


_LEAST_WEIGHT = 100
"""Reading so many commits and changes back costs less than a checkpoint is worth."""

_SHARE = 2
"""A checkpoint is due when commits and changes since the last one come to one part in so many of the state there."""


def commit_of(parent: str | None, change: Change, delta: Delta, micros: int) -> Commit:
    """Return a commit under the hash of its content: the same content is the same commit, on any machine."""
    parents = tuple(each for each in (parent, change.merged) if each is not None)
    properties = dict(change.properties)
    # Text of a shell that is no UTF-8 cannot be stored: what is unreadable becomes question marks.
    message, author = (text.encode("utf-8", "replace").decode() for text in (change.message, change.author))
    content = [parents, delta.rows(), message, author, micros, properties]
    digest = sha256(canonical(content).encode()).hexdigest()
    return Commit(digest, parents, message, author, from_micros(micros), properties)


def insert_root(db: sqlite3.Connection, now: datetime) -> None:
    """Put the empty state and `main` at it into a new file."""
    root = commit_of(None, Change(message="The empty lake"), Delta(), to_micros(now))
    insert_commit(db, root, Delta(), State())
    refs.insert(db, RefInfo(MAIN, "branch", root.id, root.committed_at), root.committed_at)


def insert_commit(db: sqlite3.Connection, commit: Commit, delta: Delta, state: State) -> None:
    """Add a commit with what it changes; one that is there already stays as it is."""
    if db.execute("select 1 from commits where id = ?", (commit.id,)).fetchone():
        return  # the same content was committed on another branch in the same microsecond
    (seq,) = db.execute("select coalesce(max(seq), 0) + 1 from commits").fetchone()
    parents = [node(db, parent) for parent in commit.parents]
    first, merged = (*parents, None, None)[:2]
    checkpoint, weight = seq, 0
    if first is not None:
        (entries,) = db.execute("select entries from checkpoints where seq = ?", (first.checkpoint,)).fetchone()
        weight = first.weight + 1 + len(delta)
        if weight > max(_LEAST_WEIGHT, entries // _SHARE):
            weight = 0
        else:
            checkpoint = first.checkpoint
    db.execute(
        "insert into commits values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seq,
            commit.id,
            first and first.seq,
            merged and merged.seq,
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
