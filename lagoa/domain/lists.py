"""Lists of names, counts and long texts, as messages have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Name = TypeVar("_Name")


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return the first `most` names of a list as one line of text, and how many more it has.

    Characters that are not printable are escaped: names come from outside, and messages go to terminals.
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    text = ", ".join(names[:most])
    return printable(text) + more


def printable(text: str, keep: str = "") -> str:
    """Return a text with characters escaped that are not printable, such as those that steer a terminal or turn text.

    Args:
        text: a text from outside.
        keep: characters that stay, such as line ends.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text)


def cut(text: str, most: int) -> str:
    """Return a text, or its first `most` characters and an ellipsis."""
    return text if len(text) <= most else f"{text[:most]}…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 row`, `2 rows`, `1,550,000 rows`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def repeated(names: Iterable[_Name]) -> _Name | None:
    """Return the first name that occurs a second time; None if there is none."""
    seen: set[_Name] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
