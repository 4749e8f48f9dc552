"""Intervals of time: whole hours, days, months or years (UTC), and conditions for the rows of a table in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.iceberg_types import DATED
from lagoa.domain.sql_names import TYPES, name_in_sql
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

Grain = Literal["hour", "day", "month", "year"]
"""The length of an interval."""

GRAINS: tuple[Grain, ...] = ("hour", "day", "month", "year")
"""All grains, the shortest first."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times in this module are UTC without a zone
_MONTHS = 12
_MOST_RANGES = 64
_NO_MOMENT = 10**9
"""The number of an infinite time: no interval has it."""

_NUMBERS = {
    "hour": "date_diff('hour', TIMESTAMP '1970-01-01', {0})",
    "day": "date_diff('day', DATE '1970-01-01', CAST({0} AS DATE))",
    "month": "(year({0}) - 1970) * 12 + month({0}) - 1",
    "year": "year({0}) - 1970",
}
_FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_NAMES = {"hour": "2026-03-01T13", "day": "2026-03-01", "month": "2026-03", "year": "2026"}


def number_sql(grain: Grain, column: str, kind: str) -> str:
    """Return SQL for the number of the interval, counted from 1970, that a column's value is in; null for null."""
    name = name_in_sql(column)
    moment = f"timezone('UTC', {name})" if kind == "timestamptz" else name
    number = f"CAST({_NUMBERS[grain].format(moment)} AS BIGINT)"
    return f"CASE WHEN {name} IS NOT NULL THEN coalesce({number}, {_NO_MOMENT}) END"


def parse_number(grain: Grain, text: str) -> int:
    """Return the number of the interval that starts at a date or time, such as `2026-03` or `2026-03-01`.

    Raises:
        InvalidName: the text is not a date or time, or not the start of an interval.
    """
    start = _parsed(text)
    if start is not None:
        number = _number(grain, start)
        if _start(grain, number) == start:
            return number
    start_of = f"the start of {'an' if grain == 'hour' else 'a'} {grain}"
    raise InvalidName(grain, text, f"{start_of}, such as {_NAMES[grain]}", fault=f"is not {start_of}")


def _parsed(text: str) -> datetime | None:
    for form in (*_FORMATS.values(), "%Y-%m-%dT%H:%M"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - likewise
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _number(grain: Grain, moment: datetime) -> int:
    if grain in {"hour", "day"}:
        return (moment - _EPOCH) // timedelta(**{f"{grain}s": 1})
    months = (moment.year - _EPOCH.year) * _MONTHS + moment.month - 1
    return months if grain == "month" else months // _MONTHS


def _start(grain: Grain, number: int) -> datetime:
    """Return the start of an interval; raises `OverflowError`, `ValueError` outside the years 1 to 9999."""
    if grain in {"hour", "day"}:
        return _EPOCH + timedelta(**{f"{grain}s": number})
    years, month = divmod(number, _MONTHS) if grain == "month" else (number, 0)
    return datetime(_EPOCH.year + years, month + 1, 1)  # noqa: DTZ001 - likewise


@dataclass(frozen=True, slots=True)
class Intervals:
    """A set of intervals of one grain.

    Attributes:
        grain: the length of each.
        numbers: their numbers, counted from 1970; None stands for rows without a time.
    """

    grain: Grain
    numbers: frozenset[int | None]

    def __or__(self, other: Intervals) -> Intervals:
        return Intervals(self.grain, self.numbers | other.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def names(self) -> list[str]:
        """Return the name of each, such as `2026-03-01`, in order; `null` for rows without a time."""
        named = [_start(self.grain, n).strftime(_FORMATS[self.grain]) for n in self._sorted()]
        return [*named, *(["null"] if None in self.numbers else [])]

    def is_writable(self) -> bool:
        """Return whether every interval is within the years 1 to 9999, which dates can express."""
        try:
            self.ranges()
        except (OverflowError, ValueError):
            return False
        return True

    def ranges(self) -> list[tuple[datetime, datetime | None]]:
        """Return half-open ranges that cover the intervals; to keep them few, they may cover other whole intervals too.

        A range with the last interval of the year 9999 has no end.

        Raises:
            OverflowError, ValueError: outside the years 1 to 9999.
        """
        numbers = self._sorted()
        if not numbers:
            return []
        breaks = [(low, high) for low, high in pairwise(numbers) if high - low > 1]
        widest = sorted(breaks, key=lambda gap: gap[0] - gap[1])[: _MOST_RANGES - 1]
        edges = [numbers[0], *(edge for low, high in sorted(widest) for edge in (low + 1, high)), numbers[-1] + 1]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(_start(self.grain, low), self._end(high)) for low, high in pairs]

    def conditions(self, column: str, kind: str) -> list[str]:
        """Return SQL conditions on a column: a row in one of `ranges` meets exactly one of them, other rows none.

        Each is a simple range: an engine prunes files by it, which it does not do for ranges joined by OR.
        """
        name = name_in_sql(column)
        found = [
            f"{name} >= {_sql(low, kind)}" + (f" AND {name} < {_sql(high, kind)}" if high else "")
            for low, high in self.ranges()
        ]
        return [*found, *([f"{name} IS NULL"] if None in self.numbers else [])]

    def expressions(self, column: str, kind: str) -> list[BooleanExpression]:
        """Return the conditions as PyIceberg expressions: at most one for the ranges and one for null.

        If they were joined, PyIceberg 0.12 would compare a partition's null with the ends of the ranges, and fail.
        """
        from pyiceberg.expressions import AlwaysFalse, And, GreaterThanOrEqual, IsNull, LessThan, Or, Reference

        named = Reference(column)
        condition: BooleanExpression = AlwaysFalse()
        for low, high in self.ranges():
            start: Any = _text(low, kind)
            inside: BooleanExpression = GreaterThanOrEqual(term=named, value=start)
            if high is not None:
                end: Any = _text(high, kind)
                inside = And(inside, LessThan(term=named, value=end))
            condition = Or(condition, inside)
        return [condition, *([IsNull(term=named)] if None in self.numbers else [])]

    def _end(self, number: int) -> datetime | None:
        """Return the start of the interval that follows a range, or None after the last year."""
        try:
            return _start(self.grain, number)
        except (OverflowError, ValueError):
            return None

    def _sorted(self) -> list[int]:
        return sorted(number for number in self.numbers if number is not None)


def grains_of(kind: str) -> tuple[Grain, ...]:
    """Return the grains that a column of a type can be divided into."""
    return GRAINS[1:] if kind == "date" else GRAINS if kind in DATED else ()


def _text(moment: datetime, kind: str) -> str:
    if kind == "date":
        return moment.date().isoformat()
    return moment.replace(tzinfo=UTC).isoformat() if kind == "timestamptz" else moment.isoformat()


def _sql(moment: datetime, kind: str) -> str:
    return f"{TYPES[kind]} '{_text(moment, kind)}'"
