"""Rows that differ between two states of one table, found by SQL over the data files that the states do not share."""

# ruff: noqa: S608 - SQLGlot quotes every name and text
from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from lagoa.catalog.sql_types import type_in_sql
from lagoa.domain.sql_names import name_in_sql, names_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.review.diff.values import converted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from pyiceberg.table import FileScanTask, StaticTable
    from pyiceberg.types import NestedField

    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.review.diff import Kind

_NOT_COMPARED = frozenset({*LINEAGE_COLUMNS, "_quarantined_at"})
"""These columns say how a row was loaded, and are not part of its content."""

Tasks: TypeAlias = "list[FileScanTask]"
Pairs = list[tuple["NestedField | None", "NestedField"]]


@dataclass(frozen=True, slots=True)
class RowsDiff:
    """How many rows differ, and some of them as (kind, before, after).

    `key` is what rows were matched by; empty if they were matched by all values. `values_changed` says in how many of
    the changed rows a column has another value.
    """

    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    samples: tuple[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None], ...]
    values_changed: Mapping[str, int] = field(default_factory=dict)


def compare_rows(
    engine: SqlEngine, states: tuple[StaticTable, StaticTable], pairs: Pairs, key: Sequence[str], samples: int
) -> RowsDiff:
    """Compare the rows of two states, read with the later one's columns.

    Args:
        engine: runs the SQL; it spills what does not fit into its memory limit.
        states: the table before and after.
        pairs: each column after, with the same column before.
        key: columns that rows are matched by, if they are unique on both sides.
        samples: rows of each kind to return.
    """
    left_out = _NOT_COMPARED - set(key)
    compared = [pair for pair in pairs if pair[1].name not in left_out] or pairs
    unshared = unshared_files(*(list(state.scan().plan_files()) for state in states))
    if not any(unshared):
        return RowsDiff(tuple(key), 0, 0, 0, ())
    names = [now.name for _, now in compared]
    matched = {now.name for was, now in compared if was is not None}
    with engine.session({}) as session:
        sides = _sides(session, states, unshared, compared)
        if key and matched.issuperset(key) and not any(_repeats(session, side, key) for side in sides):
            return _by_key(session, sides, names, tuple(key), samples)
        return _by_values(session, sides, names, samples)


def _sides(
    session: SqlSession, states: tuple[StaticTable, StaticTable], unshared: tuple[Tasks, Tasks], pairs: Pairs
) -> tuple[str, str]:
    """Return a SELECT for each side, only over the unshared files if that is certain to give the same differences."""
    one_table = states[0].metadata.table_uuid == states[1].metadata.table_uuid
    same: Callable[[NestedField], Hashable] = attrgetter("field_id" if one_table else "name")
    sources = [files_in_sql(session, state, tasks) for state, tasks in zip(states, unshared, strict=True)]
    old, new = (
        f"SELECT {', '.join(_column(pair[side], pair[1], same) for pair in pairs)} FROM "
        f"{session.table_at(state.metadata_location) if None in sources else sources[side]}"
        for side, state in enumerate(states)
    )
    return old, new


def unshared_files(before: Tasks, after: Tasks) -> tuple[Tasks, Tasks]:
    """Return the files of each of two states that the other one does not have, or has with other deleted rows."""
    return _without(before, after), _without(after, before)


def _without(tasks: Tasks, others: Tasks) -> Tasks:
    shared = {_identity(task) for task in others}
    return [task for task in tasks if _identity(task) not in shared]


def _identity(task: FileScanTask) -> tuple[str, ...]:
    return (task.file.file_path, *sorted(file.file_path for file in task.delete_files))


def files_in_sql(session: SqlSession, state: StaticTable, tasks: Tasks) -> str | None:
    """Return a table expression for some data files; None if the table must be read through its metadata."""
    if not tasks:
        fields = state.schema().fields
        nothing = ", ".join(f"NULL::{type_in_sql(field.field_type)} AS {name_in_sql(field.name)}" for field in fields)
        return f"(SELECT {nothing} WHERE false)"
    if any(task.delete_files for task in tasks):
        return None
    return session.data_files(state.metadata, [task.file for task in tasks])


def _column(field: NestedField | None, now: NestedField, same: Callable[[NestedField], Hashable]) -> str:
    name = name_in_sql(now.name)
    if field is None:
        return f"NULL AS {name}"
    return f"{converted(name_in_sql(field.name), field.field_type, now.field_type, same)} AS {name}"


def _repeats(session: SqlSession, side: str, key: Sequence[str]) -> bool:
    columns = names_in_sql(key)
    return bool(session.query(f"SELECT 1 FROM ({side}) GROUP BY {columns} HAVING count(*) > 1 LIMIT 1").fetchall())


def _by_key(
    session: SqlSession, sides: tuple[str, str], names: list[str], key: tuple[str, ...], samples: int
) -> RowsDiff:
    other = [name for name in names if name not in key]
    per_column = [f"o.{name_in_sql(name)} IS DISTINCT FROM n.{name_in_sql(name)}" for name in other]
    differs = " OR ".join(per_column) or "false"
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
    # The keys of the samples come with the counts: a query that sorts whole rows takes much memory for wide tables.
    keys = ", ".join(f"coalesce(o.{name_in_sql(name)}, n.{name_in_sql(name)})" for name in key)
    least = [f"min(row({keys}), {samples}) FILTER (WHERE {each})" for each in kinds.values()] if samples > 0 else []
    conditions = [*kinds.values(), *(f'"in before" AND "in after" AND {each}' for each in per_column)]
    # Not `count(*) FILTER`: with that, DuckDB plans for a minute if there are 2,000 columns.
    figures = ", ".join([*(f"coalesce(count_if({each}), 0)" for each in conditions), *least])
    row = session.query(f"SELECT {figures} FROM {both}").fetchall()[0]
    counts = dict(zip(kinds, row, strict=False))
    changed = {name: count for name, count in zip(other, row[len(kinds) : len(conditions)], strict=True) if count}
    found: list[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    for kind, at in zip(kinds, row[len(conditions) :], strict=False):
        was, now = (
            _of_keys(session, side, names, key, at or ()) if kind != without else [None] * len(at or ())
            for side, without in zip(sides, ("added", "removed"), strict=True)
        )
        found += [(kind, before, after) for before, after in zip(was, now, strict=True)]
    return RowsDiff(key, counts["added"], counts["removed"], counts["changed"], tuple(found), changed)


def _of_keys(
    session: SqlSession, side: str, names: list[str], key: tuple[str, ...], keys: Sequence[tuple[Any, ...]]
) -> list[Mapping[str, Any]]:
    """Return the rows with some keys, in their order; each key is that of one row."""
    if not keys:
        return []
    values = [value for each in keys for value in each]
    matches = [
        " AND ".join(
            f"{name_in_sql(name)} IS NOT DISTINCT FROM ${place * len(key) + number}"
            for number, name in enumerate(key, 1)
        )
        for place in range(len(keys))
    ]
    place = f"CASE {' '.join(f'WHEN {each} THEN {number}' for number, each in enumerate(matches))} END"
    query = f"SELECT {place}, {names_in_sql(names)} FROM ({side}) WHERE {' OR '.join(f'({each})' for each in matches)}"
    found = sorted(session.query(query, values).fetchall(), key=itemgetter(0))
    return [dict(zip(names, row[1:], strict=True)) for row in found]


def _by_values(session: SqlSession, sides: tuple[str, str], names: list[str], samples: int) -> RowsDiff:
    columns = names_in_sql(names)
    both = (
        f'(SELECT {columns}, sum("times") AS "times" FROM (SELECT {columns}, 1 AS "times" FROM ({sides[1]}) '
        f'UNION ALL SELECT {columns}, -1 FROM ({sides[0]})) GROUP BY {columns} HAVING sum("times") <> 0)'
    )
    kinds: dict[Kind, str] = {"added": '"times" > 0', "removed": '"times" < 0'}
    counted = [f'coalesce(sum(abs("times")) FILTER (WHERE {each}), 0)' for each in kinds.values()]
    least = [f"min(row({columns}), {samples}) FILTER (WHERE {each})" for each in kinds.values()] if samples > 0 else []
    added, removed, *rows = session.query(f"SELECT {', '.join([*counted, *least])} FROM {both}").fetchall()[0]
    found: list[tuple[Kind, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    for kind, some in zip(kinds, rows, strict=False):
        for row in some or ():
            values = dict(zip(names, row, strict=True))
            found.append((kind, None, values) if kind == "added" else (kind, values, None))
    return RowsDiff((), int(added), int(removed), 0, tuple(found))
