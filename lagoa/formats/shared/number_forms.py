"""Reads the forms of numbers: which marks they are written with, how many digits they have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.contracts.sources import DecimalMark, ThousandsMark
    from lagoa.formats.shared.profile import Form

EXACT_DIGITS = 15
"""Digits of a number that a double always keeps."""

OTHER_MARK: dict[str, Literal[".", ","]] = {".": ",", ",": "."}
"""The decimal mark that goes with a mark between thousands."""

_SPACES = {0xA0: " ", 0x202F: " "}
_SPACE = " *"
BEFORE = r"R\$|US\$|\$|€|£"
"""Units before numbers, as a pattern."""

BEHIND = "%|kg|km/h|hab/km²|km²|km|cm|mm|m²|m³|ha|kWh|MWh|GWh|kW|MW|GW|°C|ºC|€"
"""Units behind numbers, as a pattern: those that are no end of a code, as a single letter may be."""

_PARTS = re.compile(
    rf"{_SPACE}({BEFORE})?{_SPACE}([+-]?)(?:({BEFORE}){_SPACE})?([9z][9.,eE+ -]*|[.,]9+){_SPACE}({BEHIND})?{_SPACE}"
)
_GRAMMARS: dict[tuple[DecimalMark, ThousandsMark], re.Pattern[str]] = {
    (".", ""): re.compile(r"[9z]*(\.9+)?"),
    (",", ""): re.compile(r"[9z]*(,9+)?"),
    (",", "."): re.compile(r"[9z]+(,9+)?|,9+|[9z]9{0,2}(\.999)+(,9+)?"),
    (".", ","): re.compile(r"[9z]+(\.9+)?|\.9+|[9z]9{0,2}(,999)+(\.9+)?"),
    (",", " "): re.compile(r"[9z]+(,9+)?|,9+|[9z]9{0,2}( 999)+(,9+)?"),
    (".", " "): re.compile(r"[9z]+(\.9+)?|\.9+|[9z]9{0,2}( 999)+(\.9+)?"),
}
_EXPONENT = re.compile(r"[9z]+([.,]9+)?[eE]([+-]?)9+")
_GROUPS = {mark: re.compile(rf"9{{1,3}}[{mark}]999") for mark in ".,"}
_LONG_LIST = 4


@dataclass(frozen=True, slots=True)
class Marks:
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal mark; empty if no number has one.
        thousands: the mark between groups of three digits; empty for none.
        unit: what is before or behind each number, such as `R$`.
    """

    decimal: Literal["", ".", ","] = ""
    thousands: ThousandsMark = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a type for numbers has to hold.

    Attributes:
        whole: the most digits before the decimal mark.
        places: the most digits behind it.
        fewest: the fewest digits behind it.
        digits: the most digits of one number.
        least: the least number.
        greatest: the greatest.
    """

    whole: int
    places: int
    fewest: int
    digits: int
    least: Decimal
    greatest: Decimal


def body(form: str) -> tuple[str, str, str] | None:
    """Return unit, sign and digits of a form; None if it is no number's."""
    found = _PARTS.fullmatch(form.translate(_SPACES))
    return (found[1] or found[3] or found[5] or "", found[2], found[4].strip()) if found else None


def exponent(form: str) -> str | None:
    """Return how the exponent of a number is written: `scientific`, or `code` if it may as well be a code as `12E4`."""
    parts = body(form)
    found = _EXPONENT.fullmatch(parts[2]) if parts else None
    if not found:
        return None
    return "scientific" if found[1] or found[2] else "code"


def readings(forms: Mapping[str, Form]) -> list[Marks]:
    """Return the ways in which all forms are numbers, the simplest first; several if some digits may be grouped."""
    parts = [body(form) for form in forms]
    if not parts or None in parts or len({part[0] for part in parts if part}) != 1:
        return []
    digits = [part[2] for part in parts if part]
    found: list[Marks] = []
    for (decimal, thousands), grammar in _GRAMMARS.items():
        if not all(grammar.fullmatch(each) for each in digits) or not any(thousands in each for each in digits):
            continue
        if thousands and any(
            _begins_with_zero(form) for key, form in forms.items() if thousands in key.translate(_SPACES)
        ):
            continue
        marks = Marks(decimal if any(decimal in each for each in digits) else "", thousands, (parts[0] or ("",))[0])
        if marks not in found:
            found.append(marks)
    return found


def _begins_with_zero(form: Form) -> bool:
    """Return whether a number of a form begins with 0: the least of its texts does, then."""
    return form.least.lstrip(" +-R$US€£\u00a0\u202f").startswith("0")


def may_be_grouped(forms: Mapping[str, Form], mark: str) -> bool:
    """Return whether every number with a mark has it only before its last three digits, and none begins with 0."""
    marked = [(parts[2], form) for name, form in forms.items() if (parts := body(name)) and mark in parts[2]]
    return bool(marked) and all(
        _GROUPS[mark].fullmatch(digits) and not _begins_with_zero(form) for digits, form in marked
    )


def is_list(forms: Mapping[str, Form]) -> bool:
    """Return whether numbers with a mark are lists of two codes: as many digits behind it as before, four or more."""
    digits = [parts[2] for name in forms if (parts := body(name))]
    marked = [re.split("[.,]", each) for each in digits if re.search("[.,]", each)]
    lengths = {len(part) for each in marked for part in each} | {len(each) for each in digits if each.isalnum()}
    return bool(marked) and len(lengths) == 1 and lengths.pop() >= _LONG_LIST


def value(text: str, marks: Marks) -> Decimal:
    """Return the number that a text is."""
    plain = re.sub(rf"{BEFORE}|({BEHIND})[\u00a0\u202f ]*$|[\u00a0\u202f ]", "", text)
    plain = plain.replace(marks.thousands, "") if marks.thousands else plain
    return Decimal(plain.replace(",", ".") if marks.decimal == "," else plain)


def extent(forms: Mapping[str, Form], marks: Marks) -> Extent:
    """Return what a type has to hold for all numbers of these forms."""
    whole, places, fewest, digits = 0, 0, 1_000, 0
    numbers = []
    for name, form in forms.items():
        text = (body(name) or ("", "", ""))[2]
        text = re.split("[eE]", text.replace(marks.thousands, "") if marks.thousands else text)[0]
        before, _, behind = text.partition(marks.decimal) if marks.decimal else (text, "", "")
        numbers += [value(form.least, marks), value(form.greatest, marks)]
        whole, places = max(whole, len(before)), max(places, len(behind))
        fewest, digits = min(fewest, len(behind)), max(digits, len(before) + len(behind))
    return Extent(whole, places, fewest, digits, min(numbers), max(numbers))
