"""The value of a cell as text, exactly, or why it has none.

A number is the shortest decimal of its double: Excel keeps doubles, and writes 19.99 as 19.989999999999998. A date is
a number of days, and is taken in whole seconds, milliseconds or microseconds, whichever is the first that has the same
double.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from lagoa.formats.excel.styles import Shown
from lagoa.formats.shared.json_values import Number

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_SHORT = re.compile(r"-?[1-9][0-9]{0,14}|0|-?(?=[0-9.]{3,15}$)(0|[1-9][0-9]*)\.[0-9]*[1-9]", re.ASCII)
_SECONDS = 86_400
_UNITS = (1, 1000, 1_000_000)
_LAST_DAY = 2_958_465
_LONGEST = 30
_LEAP = 60
_DIGITS = 15


class Bad(NamedTuple):
    """A cell without a value: why, the rule that it breaks, and what JSON shows of it."""

    why: str
    shown: object
    rule: str = "type"
    text: str = ""


class Truth(str):
    """A cell that is true or false."""

    __slots__ = ()


def text_of(text: str) -> str | Bad | None:
    """Return the text of a cell with its escapes, such as `_x000D_` for a carriage return, replaced; None if empty."""
    if "_x" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        try:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            return Bad("half a character", {"escaped": repr(text)}, "encoding")
        if "\0" in text:
            return Bad("a NUL character", {"escaped": repr(text)}, "nul")
    return text or None


def number_of(text: str) -> Number | Bad:
    """Return a number as text."""
    if _SHORT.fullmatch(text):  # so few digits are the shortest decimal of their double
        return Number(text)
    number = _double(text)
    if number is None:
        return Bad(f"{text[:40]!r} is no number", {"number": text[:40]})
    exact, shortest = Decimal(text), Decimal(repr(number))
    if exact != shortest and exact == exact.to_integral_value():
        return Bad("it has more digits than a cell holds", {"number": text[:400]})
    if number.is_integer() and abs(shortest.adjusted()) < _LONGEST:
        return Number(int(shortest))
    return Number(format(shortest, "f") if abs(shortest.adjusted()) < _LONGEST else repr(number))


def _double(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def moment_of(text: str, shown: Shown, *, from_1904: bool) -> str | Number | Bad:
    """Return a date, a time or a duration as text.

    Args:
        text: the number of days.
        shown: what it is shown as.
        from_1904: whether days are counted from 1904-01-01, else from 1900.
    """
    number = _double(text)
    if number is None:
        return number_of(text)
    ticks = _ticks(number, text)
    if ticks is None:
        return Bad("it has a part of a microsecond", {"days": text})
    count, unit = ticks
    fraction = f".{count % unit:0{len(str(unit)) - 1}d}" if count % unit else ""
    if shown is Shown.DURATION:
        return _duration(count, unit, fraction)
    if shown is Shown.TIME:
        if not 0 <= number < 1:
            return Bad("it is shown as a time, and is not within a day", {"days": text})
        return _clock(count // unit) + fraction
    return _date(count, unit, fraction, text, shown, from_1904=from_1904)


def _ticks(days: float, text: str) -> tuple[int, int] | None:
    """Return a number of days in the first unit of which a whole number is the same: the number and the unit.

    Numbers that a program wrote with 15 digits, and not with the 17 of a double, are compared in these.
    """
    digits = len(re.sub(r"[eE].*|\D", "", text).lstrip("0"))
    for unit in _UNITS:
        count = round(Decimal(days) * _SECONDS * unit)
        found = count / (_SECONDS * unit)
        if abs(found - days) <= math.ulp(days) or (digits >= _DIGITS and float(f"{found:.{digits - 1}e}") == days):
            return count, unit
    return None


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def _duration(count: int, unit: int, fraction: str) -> str:
    if count < 0:
        rest = f".{-count % unit:0{len(str(unit)) - 1}d}" if count % unit else ""
        return f"-{_clock(-count // unit)}{rest}"
    return _clock(count // unit) + fraction


def _date(count: int, unit: int, fraction: str, text: str, shown: Shown, *, from_1904: bool) -> str | Bad:
    day, seconds = divmod(count // unit, _SECONDS)
    if from_1904:
        first = datetime(1904, 1, 1)  # noqa: DTZ001 - a cell has no zone
        last = _LAST_DAY - 1462
    elif day == _LEAP:
        return Bad("it is 29 February 1900, which was no day", {"days": text})
    else:
        first = datetime(1899, 12, 30) if day > _LEAP else datetime(1899, 12, 31)  # noqa: DTZ001
        last = _LAST_DAY
    if day < (0 if from_1904 else 1) or day > last:
        return Bad("it is no day that Excel has", {"days": text})
    found = (first + timedelta(days=day)).date().isoformat()
    if shown is Shown.DATE and not seconds and not fraction:
        return found
    return f"{found} {_clock(seconds)}{fraction}"
