"""Determines how the values of a text file are written: decimal mark, dates, and words that mean null."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from lagoa.contracts.sources import ISO_DATE, DateForm, Spelling
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.formats.shared.guesses import misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

_FIRST = "(SELECT * FROM records LIMIT 20000)"
_NULLS = ("NA", "N/A", "#N/A", "n/a", "NULL", "Null", "null", "None", r"\N", "-", "?")
_COMPACT: DateForm = "yyyymmdd"  # is a number as well


def decimal_mark(connection: DuckDBPyConnection, columns: Sequence[str]) -> str:
    """Return the decimal mark of a table of texts: a comma if numbers are written with it and none with a point.

    A comma before exactly three digits may separate thousands, so at least one value must use it otherwise.
    """
    if not columns:
        return "."
    tests = []
    for column in map(name_in_sql, columns):
        comma = f"count_if(NOT regexp_full_match({column}, ' *[+-]?[0-9]+(,[0-9]+)? *')) = 0"
        other = f"count_if(regexp_matches({column}, ',([0-9]{{1,2}}|[0-9]{{4,}}) *$')) > 0"
        point = f"count_if(NOT regexp_full_match({column}, ' *[+-]?[0-9]*[.][0-9]+ *')) = 0 AND count({column}) > 0"
        tests.append(f"[coalesce({comma} AND {other}, false), coalesce({point}, false)]")
    found = connection.execute(f"SELECT {', '.join(tests)} FROM {_FIRST}").fetchone() or ()  # noqa: S608
    return "," if any(comma for comma, _ in found) and not any(point for _, point in found) else "."


def null_words(connection: DuckDBPyConnection, columns: Sequence[str]) -> list[str]:
    """Return the words that mean null: those in columns otherwise of numbers or dates, and what MySQL writes."""
    words = f"({', '.join(map(text_in_sql, _NULLS))})"
    counts = [f"count_if({name} IN {words})" for name in map(name_in_sql, columns)]
    marked = connection.execute(f"SELECT {', '.join(counts)} FROM {_FIRST}").fetchone() or ()  # noqa: S608
    kinds = [("double", Spelling()), ("double", Spelling(decimal=","))]
    kinds += [("timestamp", Spelling(date=form)) for form in get_args(DateForm)]
    found: set[str] = set()
    for column, count in zip(columns, marked, strict=True):
        if not count:
            continue
        name = name_in_sql(column)
        others = f"{name} IS NOT NULL AND {name} NOT IN {words}"
        misfits = [f"count_if({others} AND ({misfit(name, kind, form)}))" for kind, form in kinds]
        query = f"SELECT count_if({others}), least({', '.join(misfits)}), list(DISTINCT {name}) "
        query += f"FILTER ({name} IN {words}) FROM {_FIRST}"
        values, unfit, seen = connection.execute(query).fetchone() or (0, 1, [])
        found.update(word for word in seen if word == r"\N" or (values and not unfit))
    return sorted(found)


def date_form(connection: DuckDBPyConnection, columns: Sequence[str]) -> tuple[DateForm, list[str]]:
    """Return how dates are written, and notes: the form that most columns have, ISO 8601 preferred."""
    firsts = ", ".join(f"any_value({name_in_sql(column)})" for column in columns)
    values = connection.execute(f"SELECT {firsts} FROM {_FIRST}").fetchone() or ()  # noqa: S608
    dated = [column for column, value in zip(columns, values, strict=True) if value and _may_be_date(value)]
    forms: list[DateForm] = [form for form in get_args(DateForm) if form != _COMPACT]
    fits = {form: [column for column in dated if _fits(connection, column, form)] for form in forms}
    best = max(forms, key=lambda form: len(fits[form]))
    if fits[ISO_DATE] or not fits[best]:
        others = sorted({column for form in forms for column in fits[form]} - set(fits[ISO_DATE]))
        note = f"dates of {', '.join(others)} are written differently from those of other columns"
        return ISO_DATE, [note] if others else []
    twins: dict[DateForm, DateForm] = {"dd/mm/yyyy": "mm/dd/yyyy", "dd-mm-yyyy": "mm-dd-yyyy"}
    twin = twins.get(best)
    doubt = twin is not None and any(column in fits[twin] for column in fits[best])
    return best, [f"dates are read as {best}, and {twin} fits as well"] if doubt else []


def _may_be_date(text: str) -> bool:
    """Return whether the first ten characters of a text are eight digits and twice the same mark."""
    marks = [character for character in text[:10] if not character.isdigit()]
    return len(marks) == 2 and marks[0] == marks[1] and marks[0] in "/-."  # noqa: PLR2004 - between three numbers


def _fits(connection: DuckDBPyConnection, column: str, form: DateForm) -> bool:
    name, spelling = name_in_sql(column), Spelling(date=form)
    counts = [f"count_if({misfit(name, kind, spelling)})" for kind in ("timestamp", "timestamptz")]
    found = connection.execute(f"SELECT least({', '.join(counts)}) FROM {_FIRST}").fetchone()  # noqa: S608
    return found == (0,)
