"""SQL that makes a number from a text, and refuses a text of which the number would lose something.

What is lost may be a digit: a leading zero, since such a text is a code and not a number (`007`), or a place that the
type does not keep (`40939.112971807228` as a double is 40939.112971807226).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import text_in_sql
from lagoa.formats.shared.casts import Bad, Value, engine_type, unlike

if TYPE_CHECKING:
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.contracts.sources import Spelling

_CODE = text_in_sql(r"^\s*[+-]?0[0-9][0-9.,]*\s*$")
_EXACT = {"float": (6, 1.2e-38), "double": (15, 2.3e-308)}
"""A number with so many digits, that is not smaller, is kept exactly: its shortest text has the same digits."""

_GROUP = 3
"""Digits between two marks of thousands."""

_SPACES = " \u00a0\u202f"
_SPACE = f"[{_SPACES}]"


def number_from_text(text: str, made: str, kind: IcebergType, spelling: Spelling) -> Value:
    """Return the number that a text represents; spaces around it are ignored. See `from_text`."""
    received, decimal = text, spelling.decimal
    if spelling.thousands or spelling.unit:
        text, decimal = _plain(text, spelling), "."
    pointed = f"replace({text}, ',', '.')" if decimal == "," else text
    # With a decimal comma, the text of the number made has a point and differs from what was read.
    same = "NULL" if decimal == "," else made
    is_float = kind.name in _EXACT
    # The text of a float takes long to make: there the slower pattern is the faster way.
    other = f"{text} IS NOT NULL" + f" AND CAST({same} AS VARCHAR) IS DISTINCT FROM {text}" * (not is_float)
    code = f"{other} AND regexp_matches({text}, {_CODE})"
    bad = [Bad(code, received, "a leading zero is part of a code, so the column must be a string")]
    mark = re.escape(decimal)
    if is_float:
        foreign = "_." if decimal == "," else "_"
        marked = " OR ".join(f"contains({text}, {text_in_sql(character)})" for character in foreign)
        bad.append(Bad(f"{text} IS NOT NULL AND (coalesce(NOT isfinite({made}), true) OR {marked})", received))
        vanished = f"{made} = 0 AND regexp_matches({text}, '^[^eE]*[1-9]')"  # too small for any number but zero
        bad.append(Bad(vanished, received))
        advice = f"a {kind.name} does not keep all of its digits; a decimal does"
        bad.append(Bad(_rounded(pointed, made, *_EXACT[kind.name]), received, advice))
    else:
        grammar = rf"\d+({mark}0*)?"
        if kind.name == "decimal":
            places = rf"{mark}\d{{0,{kind.numbers[1]}}}0*"
            grammar = rf"(\d+({places})?|{places})"
        if not spelling.thousands and (not kind.numbers or kind.numbers[1] < _GROUP):
            grouped = text_in_sql(rf" *[+-]?[1-9]\d{{0,2}}{mark}000 *")
            advice = f"{decimal}000 may be thousands or places: say in lagoa.thousands if they are thousands"
            bad.append(Bad(f"{other} AND regexp_full_match({text}, {grouped})", received, advice))
        bad.append(Bad(f"{text} IS NOT NULL AND {made} IS NULL", received))
        bad.append(Bad(unlike(text, same, rf" *[+-]?{grammar} *"), received))
    return Value(f"TRY_CAST({pointed} AS {engine_type(kind)})", tuple(bad))


def _rounded(text: str, made: str, digits: int, least: float) -> str:
    """Return the condition that a number made has other digits than its text.

    A text of few digits stays the same, and so does one that is the shortest text of the number; only the others are
    compared digit by digit, which is slow.
    """
    return (
        f"(length({text}) > {digits} OR abs({made}) < {least}) AND CAST({made} AS VARCHAR) IS DISTINCT FROM {text} "
        f"AND {_digits(f'CAST({made} AS VARCHAR)')} <> {_digits(text)}"
    )


def _digits(text: str) -> str:
    """Return the digits of a number before its exponent, without the zeros at both ends."""
    return f"trim(regexp_replace(regexp_extract({text}, '^[^eE]*'), '[^0-9]', '', 'g'), '0')"


def _plain(text: str, spelling: Spelling) -> str:
    """Return a number without unit and marks between thousands, with a decimal point; empty if it is none.

    Thousands are groups of exactly three digits behind one to three others; a number without marks has no groups.
    """
    mark, unit = re.escape(spelling.decimal), re.escape(spelling.unit)
    group = _SPACE if spelling.thousands == " " else re.escape(spelling.thousands)
    grouped = rf"|[1-9]\d{{0,2}}(?:{group}\d{{3}})+" if group else ""
    number = rf"((?:\d+{grouped})(?:{mark}\d*)?(?:[eE][+-]?\d+)?|{mark}\d+)"
    before = rf"{_SPACE}*{unit}{_SPACE}*([+-]?){number}|" if unit else ""
    behind = rf"(?:{_SPACE}*{unit})?" if unit else ""
    pattern = text_in_sql(rf"^{_SPACE}*([+-]?)(?:{before}{number}{behind}){_SPACE}*$")
    found = r"\1\2\3\4" if unit else r"\1\2"
    plain = f"regexp_replace({text}, {pattern}, '{found}')"
    for character in _SPACES if spelling.thousands == " " else spelling.thousands:
        plain = f"replace({plain}, {text_in_sql(character)}, '')"
    if spelling.decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN regexp_matches({text}, {pattern}) THEN {plain} ELSE '' END"
