"""Names of files with `*` for any characters and `?` for one, as contracts and settings have them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

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
