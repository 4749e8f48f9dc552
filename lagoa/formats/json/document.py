"""A JSON document with its records in a list somewhere inside: where the list begins, and what is around it.

The document is not read as a whole: its tokens are looked at one after the other until the list begins.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from lagoa.formats.shared.json_values import Unreadable, read_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKEN = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+)', re.DOTALL)
_DEEPEST = 5
_OPEN, _CLOSE = frozenset({b"{", b"["}), frozenset({b"}", b"]"})
_WHOLE = _OPEN | _CLOSE | {b",", b":", b'"'}


class List(NamedTuple):
    """A list of objects in a document: the keys that lead to it, where it begins, how many of its bytes were seen."""

    path: tuple[str, ...]
    begin: int
    size: int


def find_list(head: bytes, path: Sequence[str], encoding: str) -> int | None:
    """Return where the items of the list at a path begin; None if that comes after the head of the document.

    Args:
        head: the beginning of a document.
        path: the keys that lead to the list, from the outside.
        encoding: of the document.

    Raises:
        ValueError: the document has no list there.
    """
    for keys, kind, stop in _values(head, len(path), encoding):
        if keys == tuple(path):
            if kind != b"[":
                raise ValueError(f"the value of {'.'.join(path)!r} is no list")
            return stop
        if kind == b"" and not keys:
            raise ValueError(f"it has no key {'.'.join(path)!r}")
    return None


def find_lists(head: bytes, encoding: str) -> list[List]:
    """Return the lists of objects in the objects of a document, as far as its head goes."""
    found: list[List] = []
    begun: dict[tuple[str, ...], int] = {}
    for keys, kind, stop in _values(head, _DEEPEST, encoding):
        first = _TOKEN.match(head, stop)
        if kind == b"[" and first and first[1] == b"{":
            begun[keys] = stop
        elif kind == b"]" and keys in begun:
            found.append(List(keys, begun[keys], stop - begun.pop(keys)))
    return [*found, *(List(keys, begin, len(head) - begin) for keys, begin in begun.items())]


def _values(head: bytes, deepest: int, encoding: str) -> Iterator[tuple[tuple[str, ...], bytes, int]]:
    """Yield the values of objects that only objects are around: their keys, their first byte, and where that ends.

    The end of a list is yielded as `]` with its keys, the end of the document as no byte. Nothing is
    yielded after a key that cannot be read.
    """
    keys: list[str] = []
    depth, last, is_value = 0, b"", False
    for text, place in _tokens(head):
        if text == b":" and depth == len(keys) + 1 and depth <= deepest:
            try:
                key = json.loads(last.decode(encoding))
            except ValueError:
                return
            if not isinstance(key, str):
                return
            keys.append(key)
            is_value = True
            continue
        if is_value:
            yield tuple(keys), text[:1], place
        is_value = False
        depth += (text in _OPEN) - (text in _CLOSE)
        if text == b"]" and depth == len(keys):
            yield tuple(keys), text, place
        if keys and (depth < len(keys) or (depth == len(keys) and text not in _OPEN and text != b",")):
            keys.pop()
        if not depth:
            yield (), b"", place
            return
        last = text


def _tokens(head: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the tokens of JSON, each with where it ends, but not one that may go on after the bytes."""
    place = 0
    while token := _TOKEN.match(head, place):
        text, place = token[1], token.end()
        if place == len(head) and text[:1] not in _WHOLE:
            return
        yield text, place


def check_frame(head: bytes, tail: bytes, encoding: str) -> None:
    """Check what is around the list of a document.

    Args:
        head: all before the list.
        tail: all after it.
        encoding: of the document.

    Raises:
        ValueError: it is not JSON, or has a key twice.
    """
    try:
        read_object(head + b"[]" + tail, encoding)
    except Unreadable as error:
        raise ValueError(error.fault.reason) from error
