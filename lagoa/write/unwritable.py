"""What a user's SELECT may yield and no table should have: NaN, infinity, moments outside the years 1 to 9999."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.lists import repeated
from lagoa.domain.refusals import refusal_in_sql
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.arrow_types import is_list
from lagoa.formats.shared.values import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.domain.ports.engine import SqlSession


def checked(session: SqlSession, query: str) -> str:
    """Return a query that ends with an error where a query yields such a value.

    The refusal is of the query alone: rows that a table has already, from whatever engine, can be written again.

    Raises:
        QueryError: the query fails.
        ValueError: it has a column twice.
    """
    names = [row[0].lower() for row in session.query(f"DESCRIBE {query}").fetchall()]
    twice = repeated(names)
    if twice is not None:
        raise ValueError(f"the query has the column {twice!r} twice")
    schema = session.query(f"SELECT * FROM ({query}\n) LIMIT 0").arrow().schema
    columns = []
    for field in schema:
        name = name_in_sql(field.name)
        bad = _unwritable(name, field.type, 0)
        refusal = refusal_in_sql(f"column {field.name!r} cannot hold ", name)
        columns.append(f"CASE WHEN {bad} THEN {refusal} ELSE {name} END AS {name}" if bad else name)
    return f"SELECT {', '.join(columns)} FROM ({query}\n)" if any("CASE" in each for each in columns) else query


def _unwritable(value: str, kind: pa.DataType, depth: int) -> str | None:
    """Return the condition that a value is one of them, or has one inside; None where its type has none."""
    return " OR ".join(_conditions(value, kind, depth)) or None


def _conditions(value: str, kind: pa.DataType, depth: int) -> Iterator[str]:
    import pyarrow as pa

    has = pa.types
    if has.is_floating(kind):
        yield f"NOT isfinite({value})"
    elif limits := _limits(kind):
        yield f"{value} NOT BETWEEN {limits}"
    elif has.is_struct(kind):
        for field in kind:
            yield from _conditions(f"{value}.{name_in_sql(field.name)}", field.type, depth)
    elif has.is_map(kind):
        yield from _conditions(f"map_keys({value})", pa.list_(kind.key_type), depth)
        yield from _conditions(f"map_values({value})", pa.list_(kind.item_type), depth)
    elif is_list(kind):
        item = f"_item{depth}"
        inner = _unwritable(item, kind.value_type, depth + 1)
        if inner:
            yield f"len(list_filter({value}, lambda {item}: {inner})) > 0"


def _limits(kind: pa.DataType) -> str | None:
    import pyarrow as pa

    has = pa.types
    if has.is_date(kind):
        return LIMITS["date"]
    if has.is_timestamp(kind) and kind.unit != "ns":  # nanoseconds begin and end between these years
        return LIMITS["timestamptz" if kind.tz else "timestamp"]
    return LIMITS["time"] if has.is_time(kind) and kind.unit != "ns" else None
