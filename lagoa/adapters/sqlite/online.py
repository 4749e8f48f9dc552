"""The online store of an embedded lake: one SQLite file, a table a view and state, a row an entity."""

# ruff: noqa: S608 - names of tables and columns are numbered, values are bound

from __future__ import annotations

import math
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lagoa.adapters.shared.online_states import (
    FORMAT,
    KEPT_STATES,
    followed,
    now,
    online_view,
    part_name,
    parts_of,
    read_state,
    value_columns,
    write_views,
)
from lagoa.adapters.sqlite.wal import open_prepared
from lagoa.domain.feature_values import stored_as
from lagoa.domain.features import Definitions, OnlineRow, OnlineView, Standing, moment_of
from lagoa.errors import FeaturesUnavailable, OnlineStateLost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lagoa.domain.features import FeatureView
    from lagoa.domain.ports.features import NewView

_TABLES = """
create table if not exists applied (
    id integer primary key check (id = 1), registry blob not null, definitions text not null
);
create table if not exists states (
    number integer primary key, commit_id text not null, at text not null, views text not null
);
"""
_COLUMN = {"integer": "integer", "double": "real", "text": "text", "bytes": "blob"}
_NAN, _MINUS_ZERO = "NaN", "-zero"
"""NaN and -0.0 as they are stored: SQLite would take them for null and for 0."""
_VARIABLES = 500
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_inherited: list[sqlite3.Connection] = []  # of a parent process: SQLite forbids even closing them after a fork


class SqliteOnlineFeatures:
    """See `lagoa.domain.ports.features.OnlineFeatures`; several threads and processes may use one file.

    Args:
        path: the file; made at the first write.
        busy_s: how long to wait for another writer. Readers wait for nobody.
    """

    def __init__(self, path: Path, busy_s: float = 60.0) -> None:
        self._path = path
        self._busy_s = busy_s
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._pid = os.getpid()

    def definitions(self) -> Definitions | None:
        """Return what was applied; None before."""
        row = self._one("select definitions from applied")
        return Definitions.from_json(row[0]) if row else None

    def registry(self) -> bytes | None:
        """Return Feast's registry; None before the first one."""
        row = self._one("select registry from applied")
        return bytes(row[0]) if row else None

    def set_registry(self, registry: bytes, definitions: Definitions) -> None:
        """Keep Feast's registry, and what it defines."""
        with self._transaction() as db:
            db.execute("insert or replace into applied values (1, ?, ?)", (registry, definitions.to_json()))

    def standing(self) -> Standing | None:
        """Return the state that readers see now; None before the first one."""
        row = self._one("select number, commit_id, at, views from states order by number desc limit 1")
        return read_state(row) if row else None

    def replace(self, expected: int, commit: str, kept: Mapping[str, OnlineView], new: Sequence[NewView]) -> Standing:
        """Put a new state in, and let readers see it."""
        with self._transaction() as db:
            states = _states(db)
            before = followed(states, expected)
            first = 1 + max((_number(name) for name in _parts(db)), default=0)
            filled = {each.view.name: _fill(db, first + position, each, before) for position, each in enumerate(new)}
            state = Standing(expected + 1, commit, now(), {**kept, **filled})
            row = (state.number, commit, state.at.isoformat(), write_views(state.views))
            db.execute("insert into states values (?, ?, ?, ?)", row)
            stay = [*states, state][-KEPT_STATES:]
            db.execute("delete from states where number < ?", (stay[0].number,))
            present = parts_of(stay)
            for name in _parts(db):
                if _number(name) not in present:
                    db.execute(f"drop table {name}")
        return state

    def read(
        self, part: int, view: FeatureView, keys: Sequence[str], columns: Sequence[int]
    ) -> Mapping[str, OnlineRow]:
        """Return the rows of some entities by their keys."""
        names = "".join(f", c{column}" for column in columns)
        doubles = [stored_as(view.features[column].type) == "double" for column in columns]
        found: dict[str, OnlineRow] = {}
        for start in range(0, len(keys), _VARIABLES):
            some = keys[start : start + _VARIABLES]
            sql = f"select key, moment{names} from {part_name(part)} where key in ({', '.join('?' * len(some))})"
            with _existing(view.name):
                rows = self._rows(sql, some)
            for key, moment, *values in rows:
                found[key] = OnlineRow(key, moment, tuple(map(_read, values, doubles)))
        return found

    def push(self, view: FeatureView, rows: Sequence[OnlineRow]) -> int:
        """Write rows of single entities to the present state unless it has newer ones."""
        with self._transaction() as db:
            online = online_view(_states(db), view)
            sql = f"""
                insert into {part_name(online.part)} values (?, ?, 1{", ?" * len(view.features)})
                on conflict (key) do update set moment = excluded.moment, pushed = 1
                {"".join(f", {name} = excluded.{name}" for name in value_columns(len(view.features)))}
                where excluded.moment >= moment
            """
            before = db.total_changes
            db.executemany(sql, _written(view, rows))
            return db.total_changes - before

    def pushed(self, part: int) -> int:
        """Return how many rows of a part were pushed."""
        with _existing(f"part {part}"):
            return int(self._rows(f"select count(*) from {part_name(part)} where pushed = 1")[0][0])

    def close(self) -> None:
        """Close all connections of this process."""
        if self._pid == os.getpid():
            for each in self._opened:
                each.close()
            self._opened.clear()
            self._local = threading.local()

    def _one(self, sql: str) -> tuple[Any, ...] | None:
        try:
            rows = self._rows(sql)
        except _NoTable:
            return None
        return rows[0] if rows else None

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if not self._path.is_file():
            raise _NoTable
        with self._translated():
            try:
                return self._connection().execute(sql, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if str(error).startswith("no such table"):
                    raise _NoTable from error
                raise

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated():
            db = self._connection()
            db.execute("begin immediate")
            try:
                yield db
                db.execute("commit")
            except BaseException:
                if db.in_transaction:  # SQLite has rolled back by itself where the disk is full
                    db.execute("rollback")
                raise

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        if self._pid != os.getpid():
            _inherited.extend(self._opened)
            self._opened, self._local, self._pid = [], threading.local(), os.getpid()
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            # What a power cut takes is materialized again from the lake.
            db = open_prepared(self._path, self._busy_s, FORMAT, _TABLES, synchronous="normal")
            self._local.db = db
            self._opened.append(db)
        return db

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            reason = str(error)
            if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
                reason += (
                    "; if the file is damaged, delete it, and `lagoa feature apply` and `materialize` write it again"
                )
            raise FeaturesUnavailable(str(self._path), reason) from error


class _NoTable(Exception):
    """The file or a table of it is not there."""


@contextmanager
def _existing(what: str) -> Iterator[None]:
    try:
        yield
    except _NoTable as error:
        raise OnlineStateLost(what) from error


def _states(db: sqlite3.Connection) -> list[Standing]:
    rows = db.execute("select number, commit_id, at, views from states order by number").fetchall()
    return [read_state(row) for row in rows]


def _parts(db: sqlite3.Connection) -> list[str]:
    found = db.execute("select name from sqlite_master where type = 'table' and name like 'part\\_%' escape '\\'")
    return [name for (name,) in found.fetchall()]


def _number(part: str) -> int:
    return int(part.removeprefix("part_"))


def _fill(db: sqlite3.Connection, part: int, new: NewView, before: Standing | None) -> OnlineView:
    view, name = new.view, part_name(part)
    columns = value_columns(len(view.features))
    kinds = [_COLUMN[stored_as(each.type) or "text"] for each in view.features]
    declared = "".join(f", {column} {kind}" for column, kind in zip(columns, kinds, strict=True))
    db.execute(
        f"create table {name} (key text primary key, moment integer not null, pushed integer not null{declared}) "
        "without rowid"
    )
    db.executemany(f"insert into {name} values (?, ?, 0{', ?' * len(columns)})", _written(view, new.rows()))
    last = before.views.get(view.name) if before else None
    if last is not None and last.key == view.key:  # what was pushed stays while it is the newest
        db.execute(
            f"insert or replace into {name} select old.* from {part_name(last.part)} as old "
            f"left join {name} as fresh on fresh.key = old.key "
            "where old.pushed = 1 and (fresh.key is null or fresh.moment < old.moment)"
        )
    entities, latest = db.execute(f"select count(*), max(moment) from {name}").fetchone()
    return OnlineView(part, new.pointer, view.key, entities, moment_of(latest))


def _written(view: FeatureView, rows: Iterable[OnlineRow]) -> Iterator[tuple[Any, ...]]:
    doubles = [position for position, each in enumerate(view.features) if stored_as(each.type) == "double"]
    for row in rows:
        values = row.values
        if any(_lost(values[each]) for each in doubles):
            values = tuple(_word(value) if _lost(value) else value for value in values)
        yield row.key, row.moment, *values


def _lost(value: Any) -> bool:
    """Return whether SQLite would not keep a value."""
    return isinstance(value, float) and (math.isnan(value) or (value == 0 and math.copysign(1, value) < 0))


def _word(value: float) -> str:
    return _NAN if math.isnan(value) else _MINUS_ZERO


def _read(value: Any, double: bool) -> Any:
    return float("nan" if value == _NAN else "-0") if double and isinstance(value, str) else value
