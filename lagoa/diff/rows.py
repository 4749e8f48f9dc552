"""Rows that differ between two states of one table, found by SQL over the data files that the states do not share."""

# ruff: noqa: S608 - SQLGlot quotes every name and text
from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from lagoa.diff.values import converted, type_in_sql
from lagoa.model import LINEAGE_COLUMNS, TableName
from lagoa.sql_names import name_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from pyiceberg.table import FileScanTask, StaticTable
    from pyiceberg.types import NestedField

    from lagoa.diff import Kind
    from lagoa.ports import SqlEngine, SqlSession

_NOT_COMPARED = frozenset({*LINEAGE_COLUMNS, "_quarantined_at"})
"""How a row came is not what it says."""

_BEFORE, _AFTER = TableName(("lagoa_diff",), "before"), TableName(("lagoa_diff",), "after")

Pairs = list[tuple["NestedField | None", "NestedField"]]


@dataclass(frozen=True, slots=True)
class RowsDiff:
    """How many rows differ, and some of them as (kind, before, after).

    `key` is what rows were matched by; empty when they were matched by all values.
    """

    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    samples: tuple[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None], ...]


def compare_rows(
    engine: SqlEngine, states: tuple[StaticTable, StaticTable], pairs: Pairs, key: Sequence[str], samples: int
) -> RowsDiff:
    """Compare the rows of two states, read as the later one's columns.

    Args:
        engine: runs the SQL; what does not fit its memory limit it spills.
        states: the table before and after.
        pairs: each column after, with the column before that it is.
        key: columns that rows are matched by, if they are unique on both sides.
        samples: rows of each kind to return.
    """
    left_out = _NOT_COMPARED - set(key)
    compared = [pair for pair in pairs if pair[1].name not in left_out] or pairs
    sides, pointers = _sides(states, compared)
    if sides is None:
        return RowsDiff(tuple(key), 0, 0, 0, ())
    old, new = sides
    names = [now.name for _, now in compared]
    matched = {now.name for was, now in compared if was is not None}
    with engine.session(pointers) as session:
        if key and matched.issuperset(key) and not any(_repeats(session, side, key) for side in sides):
            return _by_key(session, (old, new), names, tuple(key), samples)
        return _by_values(session, (old, new), names, samples)


def _sides(
    states: tuple[StaticTable, StaticTable], pairs: Pairs
) -> tuple[tuple[str, str] | None, dict[TableName, str]]:
    """Return a SELECT for each side and the pointers it needs; None when both hold the same files.

    Only files that one side has alone are read, where that is certain to give the same rows: without delete files,
    and with plain columns, which DuckDB finds by field id (a table with a name mapping has files without ids).
    """
    tasks = [list(state.scan().plan_files()) for state in states]
    unshared = [_without(tasks[0], tasks[1]), _without(tasks[1], tasks[0])]
    plain = (
        any(was is not None for was, _ in pairs)
        and not any(_is_special(field) for pair in pairs for field in pair if field is not None)
        and not any("schema.name-mapping.default" in state.properties for state in states)
    )
    one_table = states[0].metadata.table_uuid == states[1].metadata.table_uuid
    same: Callable[[NestedField], Hashable] = attrgetter("field_id" if one_table else "name")
    selects, pointers = [], {}
    for side, (name, state) in enumerate(zip((_BEFORE, _AFTER), states, strict=True)):
        own = [pair[side] for pair in pairs]
        if plain and not any(task.delete_files for task in tasks[0] + tasks[1]):
            source = _files([task.file.file_path for task in unshared[side]], own)
        else:
            source, pointers[name] = f"{name_in_sql(name.layer)}.{name_in_sql(name.name)}", state.metadata_location
        columns = ", ".join(_column(field, now, same) for field, (_, now) in zip(own, pairs, strict=True))
        selects.append(f"SELECT {columns} FROM {source}")
    return ((selects[0], selects[1]) if unshared[0] or unshared[1] else None), pointers


def _without(tasks: list[FileScanTask], others: list[FileScanTask]) -> list[FileScanTask]:
    shared = {_identity(task) for task in others}
    return [task for task in tasks if _identity(task) not in shared]


def _identity(task: FileScanTask) -> tuple[str, ...]:
    return (task.file.file_path, *sorted(file.file_path for file in task.delete_files))


def _files(paths: list[str], fields: Sequence[NestedField | None]) -> str:
    """Return a table expression for some data files, their columns found by field id."""
    there = [field for field in fields if field is not None]
    if not paths:
        nothing = ", ".join(f"NULL::{type_in_sql(field.field_type)} AS {name_in_sql(field.name)}" for field in there)
        return f"(SELECT {nothing} WHERE false)"
    schema = ", ".join(
        f"{field.field_id}: {{name: {_text(field.name)}, type: {_text(kind)}, default_value: NULL}}"
        for field, kind in ((field, type_in_sql(field.field_type)) for field in there)
    )
    listed = ", ".join(map(_text, paths))
    return f"read_parquet([{listed}], schema = MAP {{{schema}}}, hive_partitioning = false)"


def _column(field: NestedField | None, now: NestedField, same: Callable[[NestedField], Hashable]) -> str:
    name = name_in_sql(now.name)
    if field is None:
        return f"NULL AS {name}"
    return f"{converted(name_in_sql(field.name), field.field_type, now.field_type, same)} AS {name}"


def _is_special(field: NestedField) -> bool:
    """Whether DuckDB finds more in a column than one value of a type of its own, by one field id."""
    return not field.field_type.is_primitive or str(field.field_type).startswith("fixed")


def _repeats(session: SqlSession, side: str, key: Sequence[str]) -> bool:
    columns = ", ".join(map(name_in_sql, key))
    return bool(session.query(f"SELECT 1 FROM ({side}) GROUP BY {columns} HAVING count(*) > 1 LIMIT 1").fetchall())


def _by_key(
    session: SqlSession, sides: tuple[str, str], names: list[str], key: tuple[str, ...], samples: int
) -> RowsDiff:
    other = [name for name in names if name not in key]
    differs = " OR ".join(f"o.{name_in_sql(name)} IS DISTINCT FROM n.{name_in_sql(name)}" for name in other) or "false"
    same_key = " AND ".join(f"o.{name_in_sql(name)} IS NOT DISTINCT FROM n.{name_in_sql(name)}" for name in key)
    both = (
        f'(SELECT true AS "in before", * FROM ({sides[0]})) AS o FULL JOIN '
        f'(SELECT true AS "in after", * FROM ({sides[1]})) AS n ON {same_key}'
    )
    kinds: dict[Kind, str] = {
        "added": '"in before" IS NULL',
        "removed": '"in after" IS NULL',
        "changed": f'"in before" AND "in after" AND ({differs})',
    }
    counted = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in kinds.values())
    counts = dict(zip(kinds, session.query(f"SELECT {counted} FROM {both}").fetchall()[0], strict=True))
    columns = ", ".join(f"{side}.{name_in_sql(name)}" for side in "on" for name in names)
    order = ", ".join(f"coalesce(o.{name_in_sql(name)}, n.{name_in_sql(name)})" for name in key)
    found: list[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    for kind, condition in kinds.items():
        if counts[kind] and samples:
            query = f"SELECT {columns} FROM {both} WHERE {condition} ORDER BY {order} LIMIT {int(samples)}"
            for row in session.query(query).fetchall():
                was, now = (dict(zip(names, part, strict=True)) for part in (row[: len(names)], row[len(names) :]))
                found.append((kind, None if kind == "added" else was, None if kind == "removed" else now))
    return RowsDiff(key, counts["added"], counts["removed"], counts["changed"], tuple(found))


def _by_values(session: SqlSession, sides: tuple[str, str], names: list[str], samples: int) -> RowsDiff:
    columns = ", ".join(map(name_in_sql, names))
    both = (
        f'(SELECT {columns}, sum("times") AS "times" FROM (SELECT {columns}, 1 AS "times" FROM ({sides[1]}) '
        f'UNION ALL SELECT {columns}, -1 FROM ({sides[0]})) GROUP BY {columns} HAVING sum("times") <> 0)'
    )
    counted = (
        'coalesce(sum("times") FILTER (WHERE "times" > 0), 0), coalesce(sum(-"times") FILTER (WHERE "times" < 0), 0)'
    )
    added, removed = session.query(f"SELECT {counted} FROM {both}").fetchall()[0]
    found: list[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    if samples:
        for kind, sign in (("added", ">"), ("removed", "<")):
            query = f'SELECT {columns} FROM {both} WHERE "times" {sign} 0 ORDER BY ALL LIMIT {int(samples)}'
            for row in session.query(query).fetchall():
                values = dict(zip(names, row, strict=True))
                found.append(("added", None, values) if kind == "added" else ("removed", values, None))
    return RowsDiff((), int(added), int(removed), 0, tuple(found))


def _text(value: str) -> str:
    from sqlglot import exp

    return exp.Literal.string(value).sql("duckdb")
