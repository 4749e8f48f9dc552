"""SQL that makes a value of a contract's type from what a file holds, and says when that cannot be done.

A value is taken only when nothing of it is lost: `1.5` is no integer, `1.999` no decimal with two places, a time with
an offset no timestamp without zone. DuckDB's own casts would round, cut and drop there without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lagoa.iceberg_types import INTEGERS, NUMBERS, IcebergType, parse_type

_CLOCK = r"\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?"
_DAY = r"\d{4}-\d\d-\d\d"
_GRAMMAR = {
    "boolean": r"(?i)true|false|t|f|yes|no|y|n|1|0",
    "date": rf"{_DAY}([ T]00:00(:00(\.0*)?)?)?",
    "time": _CLOCK,
    "timestamp": rf"{_DAY}([ T]{_CLOCK})?",
    "timestamptz": rf"{_DAY}([ T]{_CLOCK} ?(Z|[+-]\d\d(:?\d\d)?)?)?",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}
_SQL_TYPES = {
    "boolean": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "date": "DATE",
    "time": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "string": "VARCHAR", "uuid": "UUID",
    "binary": "BLOB",
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A value as SQL.

    Attributes:
        sql: the value in the contract's type, null where it cannot be made.
        bad: condition under which the file holds a value that cannot be made one of this type; None when all can.
    """

    sql: str
    bad: str | None


def identifier(name: str) -> str:
    """Return a name quoted for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text quoted for DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def from_text(text: str, type_name: str, decimal: str = ".") -> Value:
    """Return the value that a text stands for.

    Args:
        text: the text as SQL.
        type_name: the contract's type, in Iceberg's spelling.
        decimal: the decimal mark.

    Raises:
        ValueError: no text stands for values of this type.
    """
    kind = parse_type(type_name)
    if kind.name == "string":
        return Value(text, None)
    if kind.name in NUMBERS:
        return _number(text, kind, decimal)
    if kind.name not in _GRAMMAR:
        raise ValueError(f"a text does not say what a {kind} is")
    cast = f"TRY_CAST({text} AS {_sql_type(kind)})"
    if kind.name == "timestamptz":  # without an offset it is UTC, whatever the time zone of the session
        local = f"regexp_full_match({text}, {literal(_GRAMMAR['timestamp'])})"
        cast = f"CASE WHEN {local} THEN TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC' ELSE {cast} END"
    return _checked(text, cast, _GRAMMAR[kind.name])


def _number(text: str, kind: IcebergType, decimal: str) -> Value:
    """Return the number that a text stands for; spaces around it do not count."""
    swapped = f"replace({text}, ',', '.')" if decimal == "," else text
    cast = f"TRY_CAST({swapped} AS {_sql_type(kind)})"
    mark = re.escape(decimal)
    if kind.name in INTEGERS:
        return _checked(text, cast, rf" *[+-]?\d+({mark}0*)? *")
    if kind.name == "decimal":
        places = rf"{mark}\d{{0,{kind.numbers[1]}}}0*"
        return _checked(text, cast, rf" *[+-]?(\d+({places})?|{places}) *")
    foreign = "_." if decimal == "," else "_"
    strange = " OR ".join(f"contains({text}, {literal(character)})" for character in foreign)
    return Value(cast, f"{text} IS NOT NULL AND (coalesce(NOT isfinite({cast}), true) OR {strange})")


def _checked(text: str, cast: str, grammar: str) -> Value:
    """Return a cast that also asks for a grammar, since the cast by itself is too kind."""
    fits = f"regexp_full_match({text}, {literal(grammar)})"
    return Value(cast, f"{text} IS NOT NULL AND ({cast} IS NULL OR NOT {fits})")


def sql_type(type_name: str) -> str:
    """Return DuckDB's name of a type that has no parts, given in Iceberg's spelling."""
    return _sql_type(parse_type(type_name))


def _sql_type(kind: IcebergType) -> str:
    return f"DECIMAL({kind.numbers[0]}, {kind.numbers[1]})" if kind.name == "decimal" else _SQL_TYPES[kind.name]
