"""Saves the history in a catalog file, and brings a saved one back to a new file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.adapters.shared.states import Delta, State
from lagoa.adapters.sqlite import history, refs
from lagoa.adapters.sqlite.history import from_micros, to_micros
from lagoa.adapters.sqlite.write import commit_of, insert_commit
from lagoa.domain.commits import Change, Commit
from lagoa.domain.saved import WAS, SavedCatalog, SavedCommit, SavedMove, former_ids, with_new_ids

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from lagoa.adapters.sqlite.states import States


def read_saved(db: sqlite3.Connection) -> SavedCatalog:
    """Return the catalog as a connection's transaction sees it; commits are read as they are asked for."""
    rows = db.execute(f"select {refs.COLUMNS} order by name").fetchall()
    moves = db.execute("select branch, moved_at, id from moves join commits using (seq) order by moved_at").fetchall()
    return SavedCatalog(
        [refs.info(*row) for row in rows],
        [SavedMove(branch, from_micros(moment), commit) for branch, moment, commit in moves],
        _commits(db),
    )


def is_new(db: sqlite3.Connection) -> bool:
    """Return whether a catalog has no more than its first commit and `main`."""
    commits, branches = db.execute("select (select count(*) from commits), (select count(*) from refs)").fetchone()
    return bool(commits <= 1 and branches <= 1)


def bring_back(db: sqlite3.Connection, saved: SavedCatalog, states: States) -> dict[str, str]:
    """Replace what a new catalog has by a saved one; return the new id of each commit that has another one."""
    for table in ("moves", "refs", "changes", "checkpoints", "commits"):
        db.execute(f"delete from {table}")  # noqa: S608 - one of ours
    ids: dict[str, str] = {}
    for each in saved.commits:
        _put(db, each, ids, states)
    for ref in saved.refs:
        at = ids.get(ref.commit, ref.commit)
        created = ref.created_at or history.read_commit(db, at).committed_at
        refs.insert(db, replace(ref, commit=at), created)
    db.executemany(
        "insert into moves (branch, moved_at, previous, seq) select ?, ?, parent, seq from commits where id = ?",
        [(move.branch, to_micros(move.at), ids.get(move.to, move.to)) for move in saved.moves],
    )
    return ids


def _put(db: sqlite3.Connection, saved: SavedCommit, ids: dict[str, str], states: States) -> None:
    commit, delta = saved.commit, Delta(saved.tables, saved.namespaces)
    first, merged = (*(ids.get(parent, parent) for parent in commit.parents), None, None)[:2]
    change = Change(
        message=with_new_ids(commit.message, ids),
        properties={name: with_new_ids(value, ids) for name, value in commit.properties.items() if name != WAS},
        author=commit.author,
        merged=merged,
    )
    made = commit_of(first, change, delta, to_micros(commit.committed_at))
    if made.id not in {commit.id, *former_ids(commit)}:  # else it has come back from another catalog
        change = replace(change, properties={**change.properties, WAS: " ".join([*former_ids(commit), commit.id])})
        made = commit_of(first, change, delta, to_micros(commit.committed_at))
    if made.id != commit.id:
        ids[commit.id] = made.id
    after = (State() if first is None else states.at(db, first)).changed(delta)
    insert_commit(db, made, delta, after)
    states.keep(made.id, after)


def _commits(db: sqlite3.Connection) -> Iterator[SavedCommit]:
    """Yield the commits that refs reach, in the order of their arrival: parents come before their children."""
    parents = {seq: above for seq, *above in db.execute("select seq, parent, merged from commits")}
    wanted: set[int] = set()
    waiting = [seq for (seq,) in db.execute("select seq from refs union select seq from moves")]
    while waiting:
        seq = waiting.pop()
        if seq not in wanted:
            wanted.add(seq)
            waiting += [each for each in parents[seq] if each is not None]
    for seq in sorted(wanted):
        (id_,) = db.execute("select id from commits where seq = ?", (seq,)).fetchone()
        commit: Commit = history.read_commit(db, id_)
        delta = Delta.of_rows(db.execute("select kind, name, value from changes where seq = ?", (seq,)))
        yield SavedCommit(commit, delta.tables, delta.namespaces)
