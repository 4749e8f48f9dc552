"""Suggestions for an unknown word."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LENGTH = 80
"""Characters of a word that are compared: the cost grows with the square of its length."""


def near(word: str, known: Iterable[str], most: int = 1, alike: float = 0.6) -> str:
    """Return ` Did you mean …?` with the most similar known words; empty if none is similar to `word`.

    Args:
        word: the unknown word; case does not matter.
        known: the valid words.
        most: the maximum number of suggestions, the most similar first.
        alike: the least similarity, from 0 to 1.
    """
    plain = {each.casefold(): each for each in known}
    found = get_close_matches(word.strip().casefold()[:_LENGTH], plain, most, alike)
    return f" Did you mean {' or '.join(repr(plain[each]) for each in found)}?" if found else ""
