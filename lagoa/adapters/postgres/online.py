"""The online store of a lake that several machines share: a PostgreSQL table a view and state, a row an entity.

`lagoa.adapters.postgres.tables` makes the schema, and says who may do what. Tables of rows belong to the group
`FEATURES`, so that each of its members can drop what another has made.
"""

# ruff: noqa: S608 - names of tables and columns are numbered, values are bound

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lagoa.adapters.postgres.lazy import LazySession, Login, login_of
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
from lagoa.domain.feature_values import stored_as
from lagoa.domain.features import Definitions, OnlineRow, OnlineView, Standing, moment_of
from lagoa.domain.optional import extra
from lagoa.domain.roles import READER
from lagoa.errors import CatalogBusy, FeaturesUnavailable, OnlineStateLost, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lagoa.adapters.postgres.session import Connection
    from lagoa.domain.features import FeatureView
    from lagoa.domain.ports.features import NewView

FEATURES = "lagoa_features"
"""The schema, and the group of who may write to it."""

_COLUMN = {"integer": "bigint", "double": "double precision", "text": "bytea", "bytes": "bytea"}
"""Texts are kept as their UTF-8: those of PostgreSQL cannot have the character U+0000."""

_STATES = f"select number, commit_id, at, views from {FEATURES}.states order by number"

_T = TypeVar("_T")


class PostgresOnlineFeatures:
    """See `lagoa.domain.ports.features.OnlineFeatures`; connected at its first use, for readers and a writer each.

    Args:
        login: of the role, and where.
    """

    def __init__(self, login: Login) -> None:
        # Two, as who reads does not wait for rows that are put in.
        self._reader = LazySession(login, FEATURES, FORMAT, 'online_features = "postgres"')
        self._writer = LazySession(login, FEATURES, FORMAT, 'online_features = "postgres"')

    def definitions(self) -> Definitions | None:
        """Return what was applied; None before."""
        rows = self._rows(f"select definitions from {FEATURES}.applied")
        return Definitions.from_json(rows[0][0]) if rows else None

    def registry(self) -> bytes | None:
        """Return Feast's registry; None before the first one."""
        rows = self._rows(f"select registry from {FEATURES}.applied")
        return bytes(rows[0][0]) if rows else None

    def set_registry(self, registry: bytes, definitions: Definitions) -> None:
        """Keep Feast's registry, and what it defines."""
        sql = f"""
            insert into {FEATURES}.applied values (1, %s, %s)
            on conflict (id) do update set registry = excluded.registry, definitions = excluded.definitions
        """
        self._write(lambda db: db.execute(sql, (registry, definitions.to_json())))

    def standing(self) -> Standing | None:
        """Return the state that readers see now; None before the first one."""
        rows = self._rows(f"{_STATES} desc limit 1")
        return read_state(rows[0]) if rows else None

    def replace(self, expected: int, commit: str, kept: Mapping[str, OnlineView], new: Sequence[NewView]) -> Standing:
        """Put a new state in, and let readers see it."""

        def put_in(db: Connection) -> Standing:
            states = _states(db)
            before = followed(states, expected)
            first = 1 + max(_parts(db), default=0)
            filled = {each.view.name: _fill(db, first + position, each, before) for position, each in enumerate(new)}
            state = Standing(expected + 1, commit, now(), {**kept, **filled})
            row = (state.number, commit, state.at.isoformat(), write_views(state.views))
            db.execute(f"insert into {FEATURES}.states values (%s, %s, %s, %s)", row)
            stay = [*states, state][-KEPT_STATES:]
            db.execute(f"delete from {FEATURES}.states where number < %s", (stay[0].number,))
            present = parts_of(stay)
            for part in _parts(db):
                if part not in present:
                    db.execute(f"drop table {_table(part)}")
            return state

        return self._write(put_in)

    def read(
        self, part: int, view: FeatureView, keys: Sequence[str], columns: Sequence[int]
    ) -> Mapping[str, OnlineRow]:
        """Return the rows of some entities by their keys."""
        names = "".join(f", c{column}" for column in columns)
        texts = [stored_as(view.features[column].type) == "text" for column in columns]
        sql = f"select key, moment{names} from {_table(part)} where key = any(%s)"
        with _existing(view.name):
            rows = self._rows(sql, ([key.encode() for key in keys],))
        found = (OnlineRow(key.decode(), moment, tuple(map(_read, values, texts))) for key, moment, *values in rows)
        return {row.key: row for row in found}

    def push(self, view: FeatureView, rows: Sequence[OnlineRow]) -> int:
        """Write rows of single entities to the present state unless it has newer ones."""

        def write(db: Connection) -> int:
            online = online_view(_states(db), view)
            columns = value_columns(len(view.features))
            sql = _upsert(_table(online.part), columns, f"values (%s, %s, %s{', %s' * len(columns)})", ">=")
            with db.cursor() as cursor:
                cursor.executemany(sql, list(_written(view, rows, pushed=True)))
                return cursor.rowcount

        return self._write(write)

    def pushed(self, part: int) -> int:
        """Return how many rows of a part were pushed."""
        with _existing(f"part {part}"):
            return int(self._rows(f"select count(*) from {_table(part)} where pushed")[0][0])

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._writer.close()

    def _rows(self, sql: Any, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._run(self._reader, lambda db: db.execute(sql, parameters).fetchall())

    def _write(self, work: Callable[[Connection], _T]) -> _T:
        """Return what `work` returns, done in one transaction, one at a time in the database."""

        def alone(db: Connection) -> _T:
            with db.transaction():
                db.execute(f"select pg_advisory_xact_lock(hashtext('{FEATURES}'))")
                db.execute("set local statement_timeout = 0")  # copying many rows is one statement
                return work(db)

        return self._run(self._writer, alone)

    def _run(self, lazy: LazySession, work: Callable[[Connection], _T]) -> _T:
        session = lazy.get()
        try:
            return session.run(work)
        except CatalogBusy as error:
            reason = error.message.removeprefix(session.place).strip(" .")
            raise FeaturesUnavailable(session.place, f"it {reason}") from error


@contextmanager
def _existing(what: str) -> Iterator[None]:
    with extra("stack", "PostgreSQL"):
        from psycopg.errors import UndefinedTable

    try:
        yield
    except TerminalError as error:
        if isinstance(error.__cause__, UndefinedTable):
            raise OnlineStateLost(what) from error
        raise


def _states(db: Connection) -> list[Standing]:
    return [read_state(row) for row in db.execute(_STATES).fetchall()]


def _parts(db: Connection) -> list[int]:
    found = db.execute(
        "select tablename from pg_tables where schemaname = %s and tablename like 'part\\_%%'", (FEATURES,)
    )
    return [int(name.removeprefix("part_")) for (name,) in found.fetchall()]


def _table(part: int) -> str:
    return f"{FEATURES}.{part_name(part)}"


def _fill(db: Connection, part: int, new: NewView, before: Standing | None) -> OnlineView:
    view, table = new.view, _table(part)
    columns = value_columns(len(view.features))
    kinds = [_COLUMN[stored_as(each.type) or "text"] for each in view.features]
    declared = "".join(f", {column} {kind}" for column, kind in zip(columns, kinds, strict=True))
    db.execute(
        f"create table {table} (key bytea primary key, moment bigint not null, pushed boolean not null{declared})"
    )
    db.execute(f"alter table {table} owner to {FEATURES}")
    db.execute(f"grant select on {table} to {login_of(READER)}")
    with db.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
        copy.set_types(["bytea", "bigint", "boolean", *kinds])
        for row in _written(view, new.rows(), pushed=False):
            copy.write_row(row)
    last = before.views.get(view.name) if before else None
    if last is not None and last.key == view.key:  # what was pushed stays while it is the newest
        db.execute(_upsert(table, columns, f"select * from {_table(last.part)} where pushed", ">"))
    entities, latest = db.execute(f"select count(*), max(moment) from {table}").fetchall()[0]
    return OnlineView(part, new.pointer, view.key, entities, moment_of(latest))


def _upsert(table: str, columns: Sequence[str], rows: str, newer: Literal[">", ">="]) -> str:
    """Return SQL that writes rows in the place of those that they are newer than."""
    values = "".join(f", {each} = excluded.{each}" for each in columns)
    return f"""
        insert into {table} as old {rows} on conflict (key)
        do update set moment = excluded.moment, pushed = excluded.pushed{values}
        where excluded.moment {newer} old.moment
    """


def _written(view: FeatureView, rows: Iterable[OnlineRow], *, pushed: bool) -> Iterator[tuple[Any, ...]]:
    texts = [stored_as(each.type) == "text" for each in view.features]
    for row in rows:
        values = (
            value.encode() if text and value is not None else value
            for value, text in zip(row.values, texts, strict=True)
        )
        yield row.key.encode(), row.moment, pushed, *values


def _read(value: Any, text: bool) -> Any:
    return value.decode() if text and value is not None else value
