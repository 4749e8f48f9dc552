"""SQL that makes a value of a contract's type from what a file contains, and says when that is not possible.

A value is accepted only if nothing of it is lost: `1.5` is not an integer, `1.999` not a decimal with two places, a
time with an offset not a timestamp without zone. DuckDB's own casts would silently round, truncate or drop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lagoa.contracts.iceberg_types import NUMBERS, IcebergType, parse_type
from lagoa.contracts.sources import ISO_DATE, Spelling
from lagoa.domain.sql_names import TYPES, nested_in_sql, text_in_sql

_HOUR = r"([01]\d|2[0-3]):\d\d"
_SECOND = r":\d\d(\.\d{1,6}0*)?"
_CLOCK = rf"{_HOUR}({_SECOND})?"
_OFFSET = r"(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)"
_DAY = r"\d{4}-\d\d-\d\d"
GRAMMAR = {
    "boolean": r"(?i)true|false|t|f|yes|no|y|n|1|0",
    "date": rf"{_DAY}([ T]00:00(:00(\.0*)?)?)?",
    "time": _CLOCK,
    "timestamp": rf"{_DAY}([ T]{_CLOCK})?",
    "timestamptz": rf"{_DAY}([ T]({_CLOCK}|{_HOUR}{_SECOND}{_OFFSET}))?",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}
"""How values of a type are written: a regular expression for the whole text."""
_PLAIN = Spelling()
_DATED = frozenset({"date", "timestamp", "timestamptz"})
_LAST = "9999-12-31 23:59:59.999999"
_LIMITS = {
    "date": "DATE '0001-01-01' AND DATE '9999-12-31'",
    "time": "TIME '00:00:00' AND TIME '23:59:59.999999'",
    "timestamp": f"TIMESTAMP '0001-01-01' AND TIMESTAMP '{_LAST}'",
    "timestamptz": f"TIMESTAMPTZ '0001-01-01 00:00:00Z' AND TIMESTAMPTZ '{_LAST}Z'",
}
"""What other tools, such as Python, can represent."""


@dataclass(frozen=True)
class Value:
    """A value as SQL.

    Attributes:
        sql: the value in the contract's type, null where it cannot be made.
        bad: conditions under which a value in the file cannot become one of this type, over the file's value and the
            value made. They are evaluated one after the other, so a slower one runs for few values.
    """

    sql: str
    bad: tuple[str, ...] = ()


def from_text(text: str, made: str, type_name: str, spelling: Spelling = _PLAIN) -> Value:
    """Return the value that a text represents.

    Args:
        text: the text as SQL.
        made: how `bad` may refer to the value.
        type_name: the contract's type, in Iceberg's spelling.
        spelling: how numbers and dates are written; a time after a date is always written in the same way.

    Raises:
        ValueError: text cannot express values of this type.
    """
    kind = parse_type(type_name)
    if kind.name == "string":
        return Value(text)
    if kind.name in NUMBERS:
        return _number(text, made, kind, spelling.decimal)
    if kind.name not in GRAMMAR:
        raise ValueError(f"text cannot express {kind}")
    if kind.name in _DATED and spelling.date != ISO_DATE:
        text = _in_iso(text, spelling.date)
    cast = f"TRY_CAST({text} AS {_sql_type(kind)})"
    if kind.name == "timestamptz":  # without an offset it is UTC, whatever the time zone of the session
        local = f"regexp_full_match({text}, {text_in_sql(GRAMMAR['timestamp'])})"
        cast = f"CASE WHEN {local} THEN TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC' ELSE {cast} END"
    limits = f" OR {made} NOT BETWEEN {_LIMITS[kind.name]}" if kind.name in _LIMITS else ""
    return Value(cast, (f"{text} IS NOT NULL AND ({made} IS NULL{limits})", _unlike(text, made, GRAMMAR[kind.name])))


def _in_iso(text: str, form: str) -> str:
    """Return a text with the date at its beginning written as in ISO 8601; empty if there is none of the form."""
    groups = {"yyyy": r"(\d{4})", "mm": r"(\d\d)", "dd": r"(\d\d)"}
    words = re.findall("yyyy|mm|dd", form)
    pattern = re.sub("yyyy|mm|dd", lambda word: groups[word[0]], form.replace(".", "[.]"))
    found = text_in_sql(f"^{pattern}([ T].*)?$")
    iso = "-".join(rf"\{words.index(word) + 1}" for word in groups)
    made = rf"regexp_replace({text}, {found}, '{iso}\4')"
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN regexp_matches({text}, {found}) THEN {made} ELSE '' END"


def _number(text: str, made: str, kind: IcebergType, decimal: str) -> Value:
    """Return the number that a text represents; spaces around it are ignored."""
    pointed = f"replace({text}, ',', '.')" if decimal == "," else text
    cast = f"TRY_CAST({pointed} AS {_sql_type(kind)})"
    mark = re.escape(decimal)
    if kind.name in {"float", "double"}:
        foreign = "_." if decimal == "," else "_"
        marked = " OR ".join(f"contains({text}, {text_in_sql(character)})" for character in foreign)
        unlike = f"{text} IS NOT NULL AND (coalesce(NOT isfinite({made}), true) OR {marked})"
        vanished = f"{made} = 0 AND regexp_matches({text}, '^[^eE]*[1-9]')"  # too small for any number but zero
        return Value(cast, (unlike, vanished))
    grammar = rf"\d+({mark}0*)?"
    if kind.name == "decimal":
        places = rf"{mark}\d{{0,{kind.numbers[1]}}}0*"
        grammar = rf"(\d+({places})?|{places})"
    # With a decimal comma, the text of the number made has a point and differs from what was read.
    misfit = _unlike(text, "NULL" if decimal == "," else made, rf" *[+-]?{grammar} *")
    return Value(cast, (f"{text} IS NOT NULL AND {made} IS NULL", misfit))


def _unlike(text: str, made: str, grammar: str) -> str:
    """Return the condition that a text does not match a grammar; casts alone are too lenient.

    A value whose text is the one that was read has lost nothing: only the others need the slower grammar.
    """
    return (
        f"{text} IS NOT NULL AND CAST({made} AS VARCHAR) IS DISTINCT FROM {text} "
        f"AND NOT regexp_full_match({text}, {text_in_sql(grammar)})"
    )


def sql_type(type_name: str) -> str:
    """Return DuckDB's name of a type given in Iceberg's spelling."""
    return _sql_type(parse_type(type_name))


def _sql_type(kind: IcebergType) -> str:
    if kind.parts:
        return nested_in_sql(kind.name, [(name, _sql_type(part)) for name, part in kind.parts])
    return "BLOB" if kind.name == "fixed" else TYPES.get(kind.name, str(kind).upper())
