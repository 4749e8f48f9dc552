"""SQL that makes a value of a contract's type from what a file contains, and says when that is not possible.

A value is accepted only if nothing of it is lost: `1.5` is not an integer, `1.999` not a decimal with two places, a
time with an offset not a timestamp without zone. DuckDB's own casts would silently round, truncate or drop.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import DATED, NUMBERS, parse_type
from lagoa.contracts.sources import ISO_DATE, Spelling
from lagoa.domain.sql_names import text_in_sql
from lagoa.formats.shared.casts import Bad, Value, engine_type, unlike
from lagoa.formats.shared.numbers import number_from_text

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_LAST = "9999-12-31 23:59:59.999999"
LIMITS = {
    "date": "DATE '0001-01-01' AND DATE '9999-12-31'",
    "time": "TIME '00:00:00' AND TIME '23:59:59.999999'",
    "timestamp": f"TIMESTAMP '0001-01-01' AND TIMESTAMP '{_LAST}'",
    "timestamptz": f"TIMESTAMPTZ '0001-01-01 00:00:00Z' AND TIMESTAMPTZ '{_LAST}Z'",
}
"""What other tools, such as Python, can represent."""


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
        return number_from_text(text, made, kind, spelling)
    if kind.name not in GRAMMAR:
        raise ValueError(f"text cannot express {kind}")
    received, advice = text, ""
    if kind.name in DATED and spelling.dates != (ISO_DATE,):
        text = _in_iso(text, spelling.dates)
        advice = f"the contract writes dates {' or '.join(spelling.dates)}"
    cast = f"TRY_CAST({text} AS {engine_type(kind)})"
    if kind.name == "timestamptz":  # without an offset it is UTC, whatever the time zone of the session
        local = f"regexp_full_match({text}, {text_in_sql(GRAMMAR['timestamp'])})"
        cast = f"CASE WHEN {local} THEN TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC' ELSE {cast} END"
    limits = f" OR {made} NOT BETWEEN {LIMITS[kind.name]}" if kind.name in LIMITS else ""
    bad = (f"{text} IS NOT NULL AND ({made} IS NULL{limits})", unlike(text, made, GRAMMAR[kind.name]))
    return Value(cast, tuple(Bad(each, received, advice) for each in bad))


def _in_iso(text: str, forms: Iterable[str]) -> str:
    """Return a text with the date at its beginning written as in ISO 8601; empty if there is none of the forms."""
    groups = {"yyyy": r"(\d{4})", "mm": r"(\d\d)", "dd": r"(\d\d)"}
    whens = []
    for form in forms:
        words = re.findall("yyyy|mm|dd", form)
        pattern = re.sub("yyyy|mm|dd", lambda word: groups[word[0]], form.replace(".", "[.]"))
        found = text_in_sql(f"^{pattern}([ T].*)?$")
        iso = "-".join(rf"\{words.index(word) + 1}" for word in groups)
        made = rf"regexp_replace({text}, {found}, '{iso}\4')"
        whens.append(f"WHEN regexp_matches({text}, {found}) THEN {made}")
    return f"CASE WHEN {text} IS NULL THEN NULL {' '.join(whens)} ELSE '' END"


def sql_type(type_name: str) -> str:
    """Return DuckDB's name of a type given in Iceberg's spelling."""
    return engine_type(parse_type(type_name))
