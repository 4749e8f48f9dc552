"""The whole state at each commit of a catalog file, from checkpoints and deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.adapters.shared.states import KEPT_STATES, Delta, State
from lagoa.adapters.sqlite.history import Node, node
from lagoa.domain.cache import Cache

if TYPE_CHECKING:
    import sqlite3


class States:
    """The state at each commit: its checkpoint with the deltas after it; the last ones used are kept."""

    def __init__(self) -> None:
        self._kept: Cache[str, State] = Cache(KEPT_STATES)

    def at(self, db: sqlite3.Connection, commit: str) -> State:
        """Return the state at a commit; raises `RefNotFound`."""
        return self._kept.of(commit, lambda: read_state(db, node(db, commit)))

    def keep(self, commit: str, state: State) -> None:
        """Keep a state for the next reader."""
        self._kept.keep(commit, state)


def read_state(db: sqlite3.Connection, at: Node) -> State:
    """Return the state at a commit's place, from the file."""
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
