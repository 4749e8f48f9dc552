"""What was meant by a word that is not known."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LENGTH = 80
"""Characters of a word that are compared: comparing takes the square of its length."""


def near(word: str, known: Iterable[str], most: int = 1, alike: float = 0.6) -> str:
    """Return the question whether known words were meant, with a space before it; nothing where none is like `word`.

    Args:
        word: what was written; upper and lower case are the same.
        known: what could have been written.
        most: name so many words at most, the likest first.
        alike: how like a word must be, from 0 to 1.
    """
    plain = {each.casefold(): each for each in known}
    found = get_close_matches(word.strip().casefold()[:_LENGTH], plain, most, alike)
    return f" Did you mean {' or '.join(repr(plain[each]) for each in found)}?" if found else ""
