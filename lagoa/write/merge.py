"""Merge by key and delete by predicate, both copy-on-write."""

# ruff: noqa: S608 - names are quoted; a predicate was checked by the engine's parser
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lagoa.domain.ports.engine import FILE_COLUMN
from lagoa.domain.sql_names import name_in_sql, names_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import WriteError
from lagoa.write.copy_on_write import Replaced, read_part, replaced_files, rows_by_file
from lagoa.write.target import FileChanges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile

    from lagoa.domain.ports.engine import SqlSession
    from lagoa.write.copy_on_write import Part
    from lagoa.write.incoming import Incoming
    from lagoa.write.sources import SessionQuery
    from lagoa.write.target import Target

_NEW, _HITS = "_lagoa_new", "_lagoa_hits"
_OLDER = "_lagoa_older"
_ROW = LINEAGE_COLUMNS[3]
_BOUNDED = {"int", "long", "string", "date", "timestamp", "timestamptz"}


def merge_rows(
    rows: SessionQuery, target: Target, key: Sequence[str], order_by: str | None, incoming: Incoming | None = None
) -> FileChanges:
    """Write the rows, and replace the files that contain rows with the same keys.

    Of rows with the same key the one with the greatest value of `order_by` wins (nulls count as least). If that is
    equal, incoming rows win over existing ones, and among incoming rows the one with the greatest `_row`, then with the
    greatest values column by column.

    Args:
        rows: the incoming rows.
        target: the table.
        key: columns that rows are matched by.
        order_by: see above.
        incoming: where the incoming rows are kept, one per key.

    Raises:
        WriteError: a key is null; a row does not fit the table.
    """
    session = rows.session
    _check_columns(target, [*key, *([order_by] if order_by else [])])
    count = session.stage(_NEW, rows.sql, target.metadata, parameters=rows.parameters)
    try:
        _refuse_null_keys(session, target, key)
        if count and _repeats(session, key):
            _keep_latest(session, target, key, order_by)
        came = f"SELECT {names_in_sql(target.columns)} FROM {_NEW}"
        kept = incoming.keep(session, target, came) if incoming and count else ()
        return replace(_merge_staged(session, target, key, order_by), order_by=order_by, incoming=kept)
    finally:
        for name in (_NEW, _HITS):
            session.query(f"DROP TABLE IF EXISTS {name}")


def _merge_staged(session: SqlSession, target: Target, key: Sequence[str], order_by: str | None) -> FileChanges:
    tasks = target.candidates(_key_range(session, target, key)) if target.tasks else []
    old = Replaced()
    if tasks:
        part = read_part(session, target, tasks)
        old = replaced_files(session, target, part, _find_hits(session, part, key, order_by))
    added = session.query(f"SELECT count(*) FROM {_NEW}").fetchall()[0][0]
    if not added:
        return FileChanges(key=tuple(key))
    rows = f"SELECT {names_in_sql(target.columns)} FROM {_NEW}"
    if old.source:
        columns = ", ".join(f"o.{name_in_sql(name)}" for name in target.columns)
        rows += f" UNION ALL SELECT {columns} FROM {old.source} AS o ANTI JOIN {_NEW} AS n ON {_same(key)}"
    return FileChanges(session.write(rows, target.metadata), old.files, added, old.rows, key=tuple(key))


def _same(key: Sequence[str]) -> str:
    return " AND ".join(f"o.{name_in_sql(name)} = n.{name_in_sql(name)}" for name in key)


def _find_hits(session: SqlSession, part: Part, key: Sequence[str], order_by: str | None) -> dict[str, int]:
    """Return the number of rows of each file that will be replaced; drop incoming rows older than the existing ones."""
    joined = f"AS o JOIN {_NEW} AS n ON {_same(key)}"
    if order_by is None:
        return rows_by_file(session, part, joined)
    file = FILE_COLUMN if part.by_file else f"'' AS {FILE_COLUMN}"
    keys = ", ".join(f"n.{name_in_sql(name)}" for name in key)
    existing, new = f"o.{name_in_sql(order_by)}", f"n.{name_in_sql(order_by)}"
    older = f"coalesce({existing} > {new}, {existing} IS NOT NULL AND {new} IS NULL)"
    session.query(
        f"CREATE OR REPLACE TEMP TABLE {_HITS} AS SELECT {file}, {older} AS {_OLDER}, {keys} FROM {part.sql} {joined}"
    ).fetchall()
    losers = f"({names_in_sql(key)}) IN (SELECT {names_in_sql(key)} FROM {_HITS} WHERE {_OLDER})"
    session.query(f"DELETE FROM {_NEW} WHERE {losers}").fetchall()
    session.query(f"DELETE FROM {_HITS} WHERE {losers}").fetchall()
    return dict(session.query(f"SELECT {FILE_COLUMN}, count(*) FROM {_HITS} GROUP BY ALL").fetchall())


def _refuse_null_keys(session: SqlSession, target: Target, key: Sequence[str]) -> None:
    counts = ", ".join(f"count(*) FILTER ({name_in_sql(name)} IS NULL)" for name in key)
    for name, nulls in zip(key, session.query(f"SELECT {counts} FROM {_NEW}").fetchall()[0], strict=True):
        if nulls:
            raise WriteError(
                target.name,
                f"key column {name!r} is null in {nulls:,} row{'s' if nulls > 1 else ''}.",
                "Rows are matched by their key: fill it or leave these rows out. Nothing was written.",
            )


def _check_columns(target: Target, names: Sequence[str]) -> None:
    for name in names:
        if name not in target.columns:
            raise WriteError(target.name, f"there is no column {name!r}.", f"It has {', '.join(target.columns)}.")


def _repeats(session: SqlSession, key: Sequence[str]) -> bool:
    sql = f"SELECT 1 FROM {_NEW} GROUP BY {names_in_sql(key)} HAVING count(*) > 1 LIMIT 1"
    return bool(session.query(sql).fetchall())


def _keep_latest(session: SqlSession, target: Target, key: Sequence[str], order_by: str | None) -> None:
    first = [name for name in (order_by, _ROW if _ROW in target.columns else None) if name]
    order = [*first, *(name for name in target.columns if name not in {*first, *key})] or list(key)
    latest = ", ".join(f"{name_in_sql(name)} DESC NULLS LAST" for name in order)
    session.query(
        f"CREATE OR REPLACE TEMP TABLE {_NEW} AS SELECT * FROM {_NEW} "
        f"QUALIFY row_number() OVER (PARTITION BY {names_in_sql(key)} ORDER BY {latest}) = 1"
    ).fetchall()


def _key_range(session: SqlSession, target: Target, key: Sequence[str]) -> BooleanExpression | None:
    """Return the condition that each key is between the least and the greatest incoming one."""
    from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual, Reference

    schema = target.metadata.schema()
    names = [name for name in key if str(schema.find_field(name).field_type) in _BOUNDED]
    if not names:
        return None
    limits = session.query(
        f"SELECT {', '.join(f'min({name_in_sql(name)}), max({name_in_sql(name)})' for name in names)} FROM {_NEW}"
    ).fetchall()[0]
    terms: list[Any] = []
    for name, low, high in zip(names, limits[::2], limits[1::2], strict=True):
        if low is not None and high is not None:
            terms.append(GreaterThanOrEqual(term=Reference(name), value=_plain(low)))
            terms.append(LessThanOrEqual(term=Reference(name), value=_plain(high)))
    return And(*terms) if terms else None


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def delete_rows(session: SqlSession, target: Target, predicate: str) -> FileChanges:
    """Rewrite the files that contain rows for which the predicate is true, without these rows."""
    if not target.tasks:
        return FileChanges(predicate=predicate)
    part = read_part(session, target, target.tasks)
    gone = rows_by_file(session, part, f"WHERE ({predicate}\n)")
    old = replaced_files(session, target, part, gone)
    added: Sequence[DataFile] = ()
    if old.source:
        query = f"SELECT {names_in_sql(target.columns)} FROM {old.source} WHERE ({predicate}\n) IS NOT TRUE"
        added = session.write(query, target.metadata)
    return FileChanges(added, old.files, 0, old.rows, predicate)
