"""Profiles of columns before and after, from as few data files as possible."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.catalog.readable import readable_table
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.review.diff import same_columns
from lagoa.review.diff.rows import files_in_sql, unshared_files
from lagoa.review.personal import hidden_columns
from lagoa.review.request.bounds import figures_of_files
from lagoa.review.request.moved import moved
from lagoa.review.request.results import QUANTILES, ColumnProfile, Figures, TableProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table import StaticTable
    from pyiceberg.types import NestedField

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.review.diff.rows import Tasks
    from lagoa.review.request.results import Scope, TableReview

WHOLE = 1_000_000
"""Rows, of both sides together, up to which a table is read as a whole."""

_EXACT = 200_000
"""Rows of a side up to which different values and quantiles are counted exactly."""

_COLUMNS = 60
"""Columns of a table that have figures."""

_NUMBERS = frozenset({"int", "long", "float", "double", "decimal"})
_TIMES = frozenset({"date", "time", "timestamp", "timestamptz"})
_NOT_COUNTED = frozenset({"binary", "fixed", "struct", "list", "map"})

_Fields = tuple["NestedField | None", "NestedField | None"]


def profile(context: LakeContext, table: TableReview, pair: tuple[str | None, str | None]) -> TableProfile | None:
    """Return the columns of a table before and after.

    Args:
        context: the lake.
        table: the table, with its rows compared.
        pair: its pointers.

    Returns:
        None if there is nothing to show: no values changed; or it is large, and single files of it cannot be read, as
        another engine deleted rows in them.
    """
    written = table.rows_added or table.rows_removed or table.rows_changed or table.columns
    if table.kind == "changed" and not written:
        return None
    states = tuple(None if each is None else readable_table(context.storage, each) for each in pair)
    fields = _fields(states, table)
    shown, names = fields[:_COLUMNS], [_name(each) for each in fields[:_COLUMNS]]
    tasks = tuple([] if each is None else list(each.scan().plan_files()) for each in states)
    of, read = _chosen(tasks)
    figures: list[list[Figures | None]] = []
    with context.engine.session({}) as session:
        counts = [_rows(each) for each in read]
        for place, state in enumerate(states):
            columns = [each[place] for each in shown]
            if place == 0 and not read[0] and tasks[0]:
                figures.append(figures_of_files(tasks[0], columns))
                continue
            source = _source(session, state, read[place], whole=len(read[place]) == len(tasks[place]))
            if source is None:
                return None
            figures.append(_figures(session, source, columns, exact=max(counts) <= _EXACT))
    hidden = hidden_columns(context.contracts.get(table.table), names)
    profiles = [
        _profile(each, before, after, hidden=_name(each) in hidden)
        for each, before, after in zip(shown, *figures, strict=True)
    ]
    profiles.sort(key=lambda each: -each.moved)
    return TableProfile(of, max(counts) > _EXACT, tuple(profiles), len(fields) - len(shown))


def _fields(states: Sequence[StaticTable | None], table: TableReview) -> list[_Fields]:
    """Return the columns before and after, those first in which values changed; without those that ingest adds."""
    old, new = states
    pairs: list[_Fields]
    if old is not None and new is not None:
        pairs = list(same_columns(old, new))
        kept = {was.field_id for was, _ in pairs if was is not None}
        pairs += [(field, None) for field in old.schema().fields if field.field_id not in kept]
    else:
        pairs = [(field, None) for field in old.schema().fields] if old is not None else []
        pairs += [(None, field) for field in new.schema().fields] if new is not None else []
    pairs = [each for each in pairs if _name(each) not in LINEAGE_COLUMNS]
    if not (table.rows_added or table.rows_removed):
        differing = {*table.values_changed, *(change.column for change in table.columns)}
        pairs = [each for each in pairs if _name(each) in differing]
    return sorted(pairs, key=lambda each: -table.values_changed.get(_name(each), 0))


def _name(fields: _Fields) -> str:
    field = fields[1] or fields[0]
    assert field is not None  # noqa: S101 - a column exists on one side
    return field.name


def _chosen(tasks: Sequence[Tasks]) -> tuple[Scope, tuple[Tasks, Tasks]]:
    """Return which rows are read, and the files of each side that they are in."""
    before, after = tasks
    if _rows(before) + _rows(after) <= WHOLE:
        return "all rows", (before, after)
    if before and not after:  # a large table that is removed, or all of whose rows are: its metadata says enough
        return "all rows", ([], [])
    first, second = unshared_files(before, after)
    if len(first) == len(before) and len(second) == len(after):
        return "all rows", (first, second)
    return ("files that differ" if first else "new files"), (first, second)


def _rows(tasks: Tasks) -> int:
    return sum(each.file.record_count for each in tasks)


def _source(session: SqlSession, state: StaticTable | None, tasks: Tasks, *, whole: bool) -> str | None:
    """Return SQL for a FROM clause that reads some files of a table; empty if there is no table, None if it cannot."""
    if state is None:
        return ""
    return files_in_sql(session, state, tasks) or (session.table_at(state.metadata_location) if whole else None)


def _figures(
    session: SqlSession, source: str, columns: Sequence[NestedField | None], *, exact: bool
) -> list[Figures | None]:
    """Return the figures of columns of some rows, in one scan; None for a column that is not there, or without rows."""
    if not source or not any(columns):
        return [None] * len(columns)
    parts = [_aggregates(each, exact=exact) if each is not None else [] for each in columns]
    aggregates = ", ".join(["count(*)", *(part for each in parts for part in each)])
    rows, *values = session.query(f"SELECT {aggregates} FROM {source}").fetchall()[0]
    found: list[Figures | None] = []
    for each in parts:
        own, values = values[: len(each)], values[len(each) :]
        if not each or not rows:
            found.append(None)
            continue
        there, distinct, least, greatest, mean, quantiles = own
        known = None if quantiles is None or None in quantiles else tuple(quantiles)
        found.append(Figures(rows, rows - there, distinct, least, greatest, mean, known))
    return found


def _aggregates(field: NestedField, *, exact: bool) -> list[str]:
    """Return the SQL of the figures of a column: values, different values, least, greatest, mean, quantiles."""
    column, kind = name_in_sql(field.name), _kind(field)
    values, nothing = f"count({column})", "NULL"
    different = f"count(DISTINCT {column})" if exact else f"approx_count_distinct({column})"
    if kind in _NOT_COUNTED:
        return [values, *[nothing] * 5]
    if kind == "boolean":
        return [values, different, nothing, nothing, f"avg(CAST({column} AS INTEGER))", nothing]
    if kind in _TIMES:
        return [values, different, f"min({column})", f"max({column})", nothing, nothing]
    if kind not in _NUMBERS:
        return [values, different, *[nothing] * 4]
    number = f"CAST({column} AS DOUBLE)"
    finite = f" FILTER (WHERE isfinite({column}))" if kind in {"float", "double"} else ""
    quantile = "quantile_cont" if exact else "approx_quantile"
    return [
        values,
        different,
        f"min({column}){finite}",
        f"max({column}){finite}",
        f"avg({number}){finite}",
        f"{quantile}({number}, {list(QUANTILES)}){finite}",
    ]


def _kind(field: NestedField) -> str:
    """Return the name of a column's type without its parameters."""
    found = re.match(r"[a-z]+", str(field.field_type))
    return found[0] if found else ""


def _profile(fields: _Fields, before: Figures | None, after: Figures | None, *, hidden: bool) -> ColumnProfile:
    field = fields[1] or fields[0]
    assert field is not None  # noqa: S101 - a column exists on one side
    if hidden:
        before, after = (each and Figures(each.rows, each.nulls, each.distinct) for each in (before, after))
    return ColumnProfile(field.name, str(field.field_type), before, after, moved(before, after), hidden)
