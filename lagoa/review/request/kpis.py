"""Figures of small tables of gold before and after: what people look at every day."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.review.personal import hidden_columns
from lagoa.review.request.results import Kpi

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.review.request.results import TableReview

_LAYER = "gold"
_ROWS = 10_000
"""A table with more rows before or after is no table of figures."""

_TABLES, _COLUMNS = 20, 12
"""How many tables and columns of each have figures."""

_POINTS = 500
"""A series with more moments is not returned."""

_NUMBERS = ("int", "long", "float", "double", "decimal")
_MOMENTS = ("date", "timestamp", "timestamptz")

_Side = tuple[tuple[float | None, float | None], ...]


def kpis_of(
    context: LakeContext, tables: Sequence[TableReview], pointers: Mapping[TableName, tuple[str | None, str | None]]
) -> tuple[Kpi, ...]:
    """Return the numeric columns of small tables of gold that change, those that move most first.

    Args:
        context: the lake.
        tables: the tables that change.
        pointers: of each, before and after.
    """
    found: list[Kpi] = []
    small = [each for each in tables if each.table.layer == _LAYER and not each.same and _is_small(each)]
    for each in small[:_TABLES]:
        contract = context.contracts.get(each.table)
        before, after = pointers[each.table]
        if contract is not None and before is not None and after is not None:
            found += _of_table(context, contract, (before, after))
    return tuple(sorted((each for each in found if each.moved), key=lambda each: -each.moved))


def _is_small(table: TableReview) -> bool:
    counts = (table.rows_before, table.rows_after)
    return table.compared and all(rows is not None and rows <= _ROWS for rows in counts)


def _of_table(context: LakeContext, contract: Contract, pointers: tuple[str, str]) -> list[Kpi]:
    """Return the columns that both sides have and that are numbers, without the key and personal ones."""
    facts = [context.metadata.facts(pointer).columns for pointer in pointers]
    hidden = hidden_columns(contract, facts[1])
    names = [
        name
        for name, kind in facts[1].items()
        if name not in hidden and name not in contract.key and all(_is(_NUMBERS, each.get(name, "")) for each in facts)
    ][:_COLUMNS]
    if not names:
        return []
    key = contract.key[0] if len(contract.key) == 1 and contract.key[0] not in hidden else ""
    over_time = bool(key) and all(_is(_MOMENTS, each.get(key, "")) for each in facts)
    sides = []
    for pointer in pointers:
        with context.engine.session({contract.table: pointer}) as session:
            series = _series(session, contract.table, key, names) if over_time else {}
            sides.append((_totals(session, contract.table, names), series))
    moments = sorted({*sides[0][1], *sides[1][1]})
    latest = [max(series, default=None) for _, series in sides]
    found = []
    for place, name in enumerate(names):
        (before, old), (after, new) = sides
        drawn = moments if len(moments) <= _POINTS else []
        found.append(
            Kpi(
                contract.table,
                name,
                (before[place][0], after[place][0]),
                (before[place][1], after[place][1]),
                tuple(  # type: ignore[arg-type]
                    None if at is None else side[at][place] for at, side in zip(latest, (old, new), strict=True)
                )
                if over_time
                else None,
                tuple(map(str, drawn)),
                *(tuple(side[at][place] if at in side else None for at in drawn) for side in (old, new)),
            )
        )
    return found


def _is(kinds: Sequence[str], kind: str) -> bool:
    return kind.partition("(")[0] in kinds


def _totals(session: SqlSession, table: TableName, names: Sequence[str]) -> _Side:
    """Return the sum and the mean of each column."""
    numbers = [f"CAST({name_in_sql(name)} AS DOUBLE)" for name in names]
    aggregates = ", ".join(f"sum({each}), avg({each})" for each in numbers)
    row = session.query(f"SELECT {aggregates} FROM {table_in_sql(table)}").fetchall()[0]
    return tuple(zip(row[::2], row[1::2], strict=True))


def _series(
    session: SqlSession, table: TableName, key: str, names: Sequence[str]
) -> dict[Any, tuple[float | None, ...]]:
    """Return the value of each column by moment."""
    numbers = ", ".join(f"CAST({name_in_sql(name)} AS DOUBLE)" for name in names)
    query = f"SELECT {name_in_sql(key)}, {numbers} FROM {table_in_sql(table)} WHERE {name_in_sql(key)} IS NOT NULL"
    return {row[0]: tuple(row[1:]) for row in session.query(query).fetchall()}
