"""Suggestions for an unknown word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LENGTH = 80
"""Characters of a word that are compared: the cost grows with the square of its length."""


_ALIKE = 0.72
"""Similarity of names that people choose, below which the resemblance is chance: `payments` and `shipments`."""

_END = re.compile(r"[^./]*$")


def did_you_mean_name(name: object, known: Iterable[object]) -> str:
    """Return ` Did you mean …?` with the most similar table, branch or tag; empty if none is similar to `name`.

    Else the only one of which it is the end, such as `sandbox/ana` for `ana`.
    """
    names, text = list(map(str, known)), str(name)
    whole = [each for each in names if each.endswith(f"/{text}")]
    return did_you_mean(text, names, ends=_ALIKE) or (suggestion(whole) if len(whole) == 1 else "")


def did_you_mean(word: str, known: Iterable[str], most: int = 1, alike: float = 0.6, ends: float = 0.6) -> str:
    """Return ` Did you mean …?` with the most similar known words; empty if none is similar to `word`.

    Of names in parts, such as `bronze.orders`, the last parts must be similar, too: a common prefix says nothing.

    Args:
        word: the unknown word; case does not matter.
        known: the valid words.
        most: the maximum number of suggestions, the most similar first.
        alike: the least similarity, from 0 to 1.
        ends: the least similarity of the last parts.
    """
    plain = {each.casefold(): each for each in known}
    text = word.strip().casefold()[:_LENGTH]
    found = [each for each in get_close_matches(text, plain, max(len(plain), 1), alike) if _of_ends(text, each) >= ends]
    return suggestion([plain[each] for each in found[:most]])


def suggestion(words: Sequence[str]) -> str:
    """Return ` Did you mean 'a' or 'b'?` to follow a message; empty without words."""
    return f" Did you mean {' or '.join(map(repr, words))}?" if words else ""


def _of_ends(word: str, known: str) -> float:
    return SequenceMatcher(None, *(_END.findall(each)[0] for each in (word, known))).ratio()
