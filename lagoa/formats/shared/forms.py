"""Determines how the values of a text file are written: decimal and thousands marks, and dates."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from lagoa.contracts.columns import logical_type
from lagoa.contracts.sources import ISO_DATE, DateForm
from lagoa.formats.shared.number_forms import OTHER_MARK, Marks, may_be_grouped, readings
from lagoa.formats.shared.profile import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.formats.shared.profile import Column, Form

DateKind = Literal["date", "timestamp", "timestamptz"]

_FORMS: frozenset[str] = frozenset(get_args(DateForm))
_COMPACT = 8
_ORDERS = ("ymd", "dmy", "mdy")
_MANY = 20
_OFFSET = re.compile(r".*:.*(Z|[+-]99(:?99)?)")
_DATED = re.compile(
    r"(^|_)(dt|data|date|dat|dia|day|nasc\w*|obito|vencimento|emissao|abertura)(_|$)|^dt|^data|date$|(_em|_on|_at)$"
)


@dataclass(frozen=True, slots=True)
class DateReading:
    """A way in which all values of a column are dates or moments.

    Attributes:
        forms: how the date is written; several if a column has several ways.
        kind: the type.
        least: the first of them, in ISO 8601.
        greatest: the last.
    """

    forms: tuple[DateForm, ...]
    kind: DateKind
    least: str
    greatest: str

    @property
    def form(self) -> DateForm | None:
        """How the date is written, if there is one way."""
        return self.forms[0] if len(self.forms) == 1 else None

    def __str__(self) -> str:
        return " or ".join(self.forms)

    @property
    def in_yaml(self) -> str:
        """The forms as a contract has them."""
        return self.form or f"[{', '.join(self.forms)}]"


def plain_forms(column: Column) -> dict[str, Form]:
    """Return the forms of a column without words for null."""
    return {name: form for name, form in column.forms.items() if not name.startswith(WORD)}


def date_readings(forms: Mapping[str, Form], name: str, expected: DateForm = ISO_DATE) -> list[DateReading]:
    """Return the ways in which all values of some forms are dates; a 0 may stand for a missing one of eight digits.

    Eight digits are a date only if the column's name suggests one, there are many different ones or somebody expects
    dates of digits, and all of them are of the years from 1850 to 2100: a number is one by chance.
    """
    dated = {key: form for key, form in forms.items() if form.dates}
    others = {key: form for key, form in forms.items() if not form.dates}
    compact = all(key[1:] == "9" * (_COMPACT - 1) for key in dated)
    if not dated or not all(
        compact and form.values is not None and set(form.values) == {"0"} for form in others.values()
    ):
        return []
    few = sum(form.distinct for form in dated.values()) < _MANY
    if compact and few and not expected.isalpha() and not _DATED.search(name):
        return []
    found = [reading for order in _ORDERS if (reading := _reading(dated, order, compact=compact))]
    return found or _several_forms(dated)


def _reading(dated: Mapping[str, Form], order: str, *, compact: bool) -> DateReading | None:
    """Return the values as dates whose parts come in an order and are written in one way; None if they are not."""
    written = {date_form(key, order) for key in dated}
    kind = _kind(dated, order, compact=compact)
    if kind is None or len(written) > 1 or (form := written.pop()) not in _FORMS:
        return None
    dates = [each.dates[order] for each in dated.values()]
    least = min((each.least for each in dates if each.least), default="")
    greatest = max((each.greatest for each in dates if each.greatest), default="")
    return DateReading((cast("DateForm", form),), kind, least, greatest)


def _several_forms(dated: Mapping[str, Form]) -> list[DateReading]:
    """Return the values as dates written in several ways, if each way leaves no doubt about the order of its parts."""
    ways: dict[str, dict[str, Form]] = {}
    for key, form in dated.items():
        ways.setdefault(re.sub("[9z]+", lambda digits: str(len(digits[0])), key[: len(ISO_DATE)]), {})[key] = form
    parts = []
    for forms in ways.values():
        compact = all(len(key) == _COMPACT for key in forms)
        found = [reading for order in _ORDERS if (reading := _reading(forms, order, compact=compact))]
        if len(ways) == 1 or len(found) != 1:
            return []
        parts += found
    kinds = {part.kind for part in parts}
    if "timestamptz" in kinds:
        return []
    kind: DateKind = "timestamp" if "timestamp" in kinds else "date"
    written = tuple(form for part in parts for form in part.forms)
    return [DateReading(written, kind, min(part.least for part in parts), max(part.greatest for part in parts))]


def date_form(form: str, order: str) -> str:
    """Return how the date at the beginning of values of a form is written, for an order of its parts."""
    marks = [each for each in (form[2:3], form[4:5]) if each in {"-", "/", "."}]
    mark = marks[0] if marks else ""
    parts = {"ymd": ("yyyy", "mm", "dd"), "dmy": ("dd", "mm", "yyyy"), "mdy": ("mm", "dd", "yyyy")}[order]
    return mark.join(parts)


def _kind(forms: Mapping[str, Form], order: str, *, compact: bool) -> DateKind | None:
    """Return the type that all values have if their parts come in an order; None if one is no such date."""
    if any(order not in form.dates for form in forms.values()):
        return None
    if compact and any(form.dates[order].plausible < form.count for form in forms.values()):
        return None
    offsets = [bool(_OFFSET.fullmatch(key)) for key in forms]
    if not any(offsets) and all(form.dates[order].local == form.count for form in forms.values()):
        return "date" if all(len(key) <= len(ISO_DATE) for key in forms) else "timestamp"
    if all(offsets) and all(form.dates[order].zoned == form.count for form in forms.values()):
        return "timestamptz"
    return None


def usual_date(columns: Iterable[Sequence[DateReading]]) -> tuple[DateForm, list[str]]:
    """Return the form of most dates, ISO 8601 preferred, and a doubt about it."""
    several = [found for found in columns if found and found[0].form]
    counts = Counter(reading.form for found in several for reading in found if reading.form)
    if not counts or counts[ISO_DATE]:
        return ISO_DATE, []
    sure = Counter(found[0].form for found in several if len(found) == 1 and found[0].form)
    best = (sure or counts).most_common(1)[0][0]
    if not sure or best not in sure:
        best = "dd/mm/yyyy" if counts["dd/mm/yyyy"] else best
    doubtful = [found for found in several if best in {reading.form for reading in found}]
    twins = {reading.form for found in doubtful for reading in found if reading.form} - {best}
    if sure or not twins:
        return best, []
    return best, [f"dates are read as {best}, and {min(twins)} fits as well"]


def usual_decimal(columns: Iterable[Mapping[str, Form]]) -> Literal["", ".", ","]:
    """Return the decimal mark of the columns that leave no doubt about theirs; empty if there is none, or both."""
    marks = set()
    for forms in columns:
        found = readings(forms)
        if len(found) == 1 or (found and not found[0].thousands and not may_be_grouped(forms, found[0].decimal or ".")):
            marks.add(found[0].decimal or OTHER_MARK.get(found[0].thousands, ""))
    marks.discard("")
    return cast("Literal['.', ',']", marks.pop()) if len(marks) == 1 else ""


def settle(forms: Mapping[str, Form], usual: str, delimiter: str) -> tuple[Marks | None, str]:
    """Return how the numbers of a column are written, and what a reviewer should know; None if they are no numbers.

    Args:
        forms: of the values.
        usual: the decimal mark of the file's other columns, if that is known.
        delimiter: between fields; a semicolon suggests that the comma is the decimal mark.
    """
    found = readings(forms)
    if len(found) <= 1:
        return (found[0], "") if found else (None, "")
    simple, grouped = found[0], found[1]
    if simple.thousands:  # both marks occur, and either may be the decimal one
        fitting = [each for each in found if each.decimal == usual]
        doubt = "" if len(fitting) == 1 else "points and commas may be decimal marks or between thousands"
        return (None if doubt else fitting[0]), doubt
    if not may_be_grouped(forms, simple.decimal):
        return simple, ""
    example = next(form.first for name, form in forms.items() if simple.decimal in name)
    doubt = f"{example!r} has three digits after {simple.decimal!r}, as all of them"
    as_thousands = f"between thousands ({_advice(grouped)})"
    if usual == simple.decimal or (not usual and simple.decimal == "." and delimiter != ";"):
        return simple, f"{doubt}: it is taken for the decimal mark; it may be {as_thousands}"
    if usual:
        return (
            grouped,
            f"{doubt}: it is taken for the mark between thousands, as {usual!r} is the decimal mark elsewhere",
        )
    return None, f"{doubt}: it may be the decimal mark ({edit('double', {})}), or {as_thousands}"


def _advice(grouped: Marks) -> str:
    return edit("double" if grouped.decimal else "long", marks_as_properties(grouped, ""))


def marks_as_properties(marks: Marks, usual: str) -> dict[str, str]:
    """Return the custom properties, as YAML, of a column whose numbers are written in a way of their own.

    Args:
        marks: how they are written.
        usual: the decimal mark of the file.
    """
    found = {}
    decimal = marks.decimal or OTHER_MARK.get(marks.thousands) or usual
    if decimal != usual:
        found["lagoa.decimal"] = json.dumps(decimal)
    if marks.thousands:
        found["lagoa.thousands"] = json.dumps(marks.thousands)
    if marks.unit:
        found["lagoa.unit"] = json.dumps(marks.unit)
    return found


def edit(kind: str, properties: Mapping[str, str]) -> str:
    """Return what to write in a contract for a column of a type, with custom properties as YAML."""
    listed = ", ".join(f"{{property: {name}, value: {value}}}" for name, value in properties.items())
    also = f", and in customProperties: {listed}" if listed else ""
    return f"write logicalType: {logical_type(kind)}, physicalType: {kind}{also}"
