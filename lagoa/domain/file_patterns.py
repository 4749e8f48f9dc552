"""Names of files with `*` for any characters and `?` for one, as contracts and settings have them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_DIGITS = re.compile(r"([0-9]+)")
_NUMBER = re.compile(r"[ _.(-]*[0-9][0-9_.-]*\)?")

HIDDEN = "."
"""What the name of a hidden file begins with: only a pattern that begins so, too, matches it."""


def is_pattern(text: str) -> bool:
    """Return whether a text can match several names; brackets have no meaning, since names of downloads have them."""
    return "*" in text or "?" in text


def matches(pattern: str, name: str) -> bool:
    """Return whether a name is the pattern's, upper and lower case being different."""
    if name.startswith(HIDDEN) and not pattern.startswith(HIDDEN):
        return False
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def matching(pattern: str, names: Collection[str]) -> list[str]:
    """Return the names that a pattern matches, or the one that it is, in their order."""
    if not is_pattern(pattern):
        return [pattern] if pattern in names else []
    return [name for name in names if matches(pattern, name)]


def differ_in_digits(one: str, other: str) -> bool:
    """Return whether two names are the same but for digits, as those of months and parts are."""
    return _DIGITS.split(one)[::2] == _DIGITS.split(other)[::2]


def has_number_more(one: str, other: str) -> bool:
    """Return whether one of two names is the other with a number in it: `orders.csv` and `orders2.csv`."""
    short, long = sorted((one, other), key=len)
    begin = len(_common([short, long]))
    rest = len(short) - begin
    end = len(_common([short[::-1], long[::-1]]))
    return end >= rest and bool(_NUMBER.fullmatch(long[begin : len(long) - rest]))


def common_pattern(names: Sequence[str]) -> str:
    """Return a pattern for several names and others of their kind: `*` is every number that differs.

    If they differ in more than numbers, it is what they begin and end with.
    """
    if all(differ_in_digits(names[0], name) for name in names):
        parts = zip(*map(_DIGITS.split, names), strict=True)
        return "".join(each[0] if len(set(each)) == 1 else "*" for each in parts)
    begin = _common(names)
    end = _common([name[len(begin) :][::-1] for name in names])[::-1]
    return f"{begin.rstrip('0123456789')}*{end.lstrip('0123456789')}"


def _common(names: Sequence[str]) -> str:
    """Return the beginning that all names have."""
    return "".join(each[0] for each in takewhile(lambda each: len(set(each)) == 1, zip(*names, strict=False)))
