"""Recognises a first record that has titles instead of values, as IBGE's SIDRA writes it."""

from __future__ import annotations

import re
from typing import Any

_VALUE = re.compile(r"[-+\d.,:/% ]+")
_ENOUGH = 2  # keys, and records behind the titles: one may be a gap in the first record


def is_title(value: Any) -> bool:
    """Return whether a value may be a title: a text that is no number, date or time."""
    return type(value) is str and _VALUE.fullmatch(value) is None


class Titles:
    """What the first record and the others of a file look like."""

    def __init__(self) -> None:
        self._first: dict[str, Any] | None = None
        self._values: set[str] = set()
        self._others = 0

    def see(self, record: dict[str, Any]) -> None:
        """Take one more record into account."""
        if self._first is None:
            self._first = record
            self._values = set(record) if all(map(is_title, record.values())) else set()
            return
        self._others += 1
        self._values = {key for key in self._values if (text := record.get(key)) is None or not is_title(text)}

    @property
    def found(self) -> bool:
        """Whether the first record has titles where all others have numbers, dates or times as text."""
        return self._others >= _ENOUGH and len(self._values) >= _ENOUGH
