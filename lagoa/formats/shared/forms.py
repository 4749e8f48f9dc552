"""Determines how the values of a text file are written: decimal and thousands marks, and dates."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from lagoa.contracts.sources import ISO_DATE, DateForm
from lagoa.formats.shared.number_forms import Marks, may_be_grouped, readings
from lagoa.formats.shared.profile import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.formats.shared.profile import Column, Form

DateKind = Literal["date", "timestamp", "timestamptz"]

_FORMS: frozenset[str] = frozenset(get_args(DateForm))
_COMPACT = 8
_MANY = 20
_OFFSET = re.compile(r".*:.*(Z|[+-]99(:?99)?)")
_DATED = re.compile(
    r"(^|_)(dt|data|date|dat|dia|day|nasc\w*|obito|vencimento|emissao|abertura)(_|$)|^dt|^data|date$|(_em|_on|_at)$"
)


@dataclass(frozen=True, slots=True)
class DateReading:
    """A way in which all values of a column are dates or moments.

    Attributes:
        form: how the date is written.
        kind: the type.
        least: the first of them, in ISO 8601.
        greatest: the last.
    """

    form: DateForm
    kind: DateKind
    least: str
    greatest: str


def plain_forms(column: Column) -> dict[str, Form]:
    """Return the forms of a column without words for null."""
    return {name: form for name, form in column.forms.items() if not name.startswith(WORD)}


def date_readings(forms: Mapping[str, Form], name: str) -> list[DateReading]:
    """Return the ways in which all values of some forms are dates; a 0 may stand for a missing one of eight digits.

    Eight digits are a date only if the column's name suggests one or there are many different ones, all of them of
    the years from 1850 to 2100: a number is one by chance.
    """
    dated = {key: form for key, form in forms.items() if form.dates}
    others = {key: form for key, form in forms.items() if not form.dates}
    compact = all(key[1:] == "9" * (_COMPACT - 1) for key in dated)
    if not dated or not all(
        compact and form.values is not None and set(form.values) == {"0"} for form in others.values()
    ):
        return []
    if compact and not _DATED.search(name) and sum(form.distinct for form in dated.values()) < _MANY:
        return []
    found = []
    for order in ("ymd", "dmy", "mdy"):
        forms_of_order = {_date_form(key, order) for key in dated}
        kind = _kind(dated, order, compact=compact)
        if kind and len(forms_of_order) == 1 and (form := forms_of_order.pop()) in _FORMS:
            dates = [each.dates[order] for each in dated.values()]
            least = min((each.least for each in dates if each.least), default="")
            greatest = max((each.greatest for each in dates if each.greatest), default="")
            found.append(DateReading(cast("DateForm", form), kind, least, greatest))
    return found


def _date_form(form: str, order: str) -> str:
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
    several = [found for found in columns if found]
    counts = Counter(reading.form for found in several for reading in found)
    if not counts or counts[ISO_DATE]:
        return ISO_DATE, []
    sure = Counter(found[0].form for found in several if len(found) == 1)
    best = (sure or counts).most_common(1)[0][0]
    if not sure or best not in sure:
        best = "dd/mm/yyyy" if counts["dd/mm/yyyy"] else best
    doubtful = [found for found in several if best in {reading.form for reading in found}]
    twins = {reading.form for found in doubtful for reading in found} - {best}
    if sure or not twins:
        return best, []
    return best, [f"dates are read as {best}, and {min(twins)} fits as well"]


def usual_decimal(columns: Iterable[Mapping[str, Form]]) -> Literal["", ".", ","]:
    """Return the decimal mark of the columns that leave no doubt about theirs; empty if there is none, or both."""
    marks = set()
    for forms in columns:
        found = readings(forms)
        if len(found) == 1 or (found and not found[0].thousands and not may_be_grouped(forms, found[0].decimal or ".")):
            marks.add(found[0].decimal or {".": ",", ",": "."}.get(found[0].thousands, ""))
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
    return None, f"{doubt}: it may be the decimal mark (write type double), or {as_thousands}"


def _advice(grouped: Marks) -> str:
    other = "," if grouped.thousands == "." else "."
    return (
        f"write type long, and `{{property: lagoa.thousands, value: '{grouped.thousands}'}}` and "
        f"`{{property: lagoa.decimal, value: '{other}'}}` in its customProperties"
    )
