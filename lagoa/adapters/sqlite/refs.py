"""Branches and tags in a catalog file, and the commits that a ref's hash and time name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lagoa.adapters.shared.states import clock_was_ahead
from lagoa.adapters.sqlite.history import from_micros, is_ancestor, node, to_micros
from lagoa.domain.refs import MAIN, Ref, RefInfo
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import RefNotFound

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

COLUMNS = "name, kind, (select id from commits where commits.seq = refs.seq), created_at from refs"


def read(db: sqlite3.Connection, name: str) -> RefInfo:
    """Return a branch or tag; raises `RefNotFound`."""
    row = db.execute(f"select {COLUMNS} where name = ?", (name,)).fetchone()
    if row is None:
        known = [each for (each,) in db.execute("select name from refs")]
        raise RefNotFound(name, similar=did_you_mean_name(name, known))
    return info(*row)


def info(name: str, kind: Literal["branch", "tag"], commit: str, created_at: int) -> RefInfo:
    """Return a row of the table of refs as a value; `created_at` in microseconds since 1970 (UTC)."""
    return RefInfo(name, kind, commit, from_micros(created_at))


def insert(db: sqlite3.Connection, ref: RefInfo, created_at: datetime) -> None:
    """Add a branch or tag."""
    db.execute(
        "insert into refs select ?, ?, seq, ? from commits where id = ?",
        (ref.name, ref.kind, to_micros(created_at), ref.commit),
    )


def point(db: sqlite3.Connection, branch: str, commit: str) -> None:
    """Move a branch to a commit."""
    db.execute("update refs set seq = (select seq from commits where id = ?) where name = ?", (commit, branch))


def of_prefix(db: sqlite3.Connection, ref: Ref, head: str) -> str:
    """Return the id of the one commit in the history of `head` that begins with the ref's hash."""
    prefix = ref.commit or ""
    rows = db.execute("select id from commits where id >= ? and id < ? limit 100", (prefix, f"{prefix}g")).fetchall()
    of = node(db, head)
    found = [commit for (commit,) in rows if is_ancestor(db, node(db, commit), of)]
    if not found:
        raise RefNotFound(str(ref), f"no commit that begins so lies in the history of {ref.name}")
    if len(found) > 1:
        raise RefNotFound(str(ref), f"{len(found)} commits begin so; give more digits")
    return str(found[0])


def at_time(db: sqlite3.Connection, ref: Ref, at: datetime, now: datetime) -> str:
    """Return the id of the commit that a branch was at at a moment, from the journal; raises `RefNotFound`."""
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
    if moment > max(to_micros(now), last):
        raise RefNotFound(str(ref), "that moment has not come")
    after = db.execute(
        "select min(moved_at) from moves where branch = ? and moved_at > ?", (ref.name, moment)
    ).fetchone()
    if moment <= to_micros(now) < (after[0] or 0):
        raise clock_was_ahead(ref)
    if first is None:
        return read(db, ref.name).commit
    return str(before[2] if before else first[1])
