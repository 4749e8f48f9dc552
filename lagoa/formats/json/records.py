"""Finds where the records of JSON bytes begin and end, without reading them.

In JSON lines a record is a line: no JSON text has a raw line ending inside a string. In a document that is one array,
records are what is between its own commas, which are found by counting brackets outside strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SPACE = b" \t\r\n"
"""What may be between the tokens of JSON."""

_COMMA = ord(",")


@dataclass(frozen=True)
class Span:
    """Records at the beginning of a block.

    Attributes:
        edges: where each begins and ends, in bytes from the start of the block.
        consumed: bytes that are done; the rest needs more input.
        closed: the array ends within the block, its bracket consumed.
    """

    edges: list[tuple[int, int]]
    consumed: int
    closed: bool = False


def find_lines(block: bytes, *, final: bool) -> Span:
    """Return the non-blank lines of a block, each with its ending; the last may end with the file."""
    edges, place = [], 0
    for line in block.splitlines(keepends=True):
        stop = place + len(line)
        if stop == len(block) and not final and not line.endswith(b"\n"):
            break  # it continues in the next block; a CR may be half of a CRLF
        if not line.isspace():
            edges.append((place, stop))
        place = stop
    return Span(edges, place)


def find_items(block: bytes, *, first: bool) -> Span:
    """Return the items of an array in a block that begins with one, the array's `first` one or another.

    An item that may continue after the block is left out. Kinds of brackets are not distinguished, and a missing item
    is not noticed, except in an empty array; both are found when the item is read.
    """
    import numpy as np

    marks, depths, signs = _structure(block)
    ends = np.flatnonzero(depths < 0)
    last = int(ends[0]) if ends.size else len(marks)
    parting = marks[:last][(signs[:last] == 0) & (depths[:last] == 0)]
    stops = [*parting.tolist(), *([int(marks[last])] if ends.size else [])]
    edges, place = [], 0
    for stop in stops:
        edges.append(_trimmed(block, place, stop))
        place = stop + 1
    if ends.size and first and len(edges) == 1 and edges[0][0] == edges[0][1]:
        edges.clear()
    return Span(edges, place, bool(ends.size))


def _structure(block: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Return the positions of brackets and commas outside strings, the depth after each, and what each adds to it."""
    import numpy as np

    # Escapes are blanked, the doubled backslash first, so that every remaining quote opens or closes a string.
    plain = block.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    data = np.frombuffer(plain, np.uint8)
    steps = np.zeros(256, np.int8)
    steps[[ord("{"), ord("[")]], steps[[ord("}"), ord("]")]] = 1, -1
    wanted = steps != 0
    wanted[_COMMA] = True
    marks = np.flatnonzero(wanted[data])
    quotes = np.flatnonzero(data == ord('"'))
    marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    signs = steps[data[marks]]
    return marks, np.cumsum(signs, dtype=np.int64), signs


def _trimmed(block: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return the edges of an item without the space around it."""
    while start < stop and block[start] in SPACE:
        start += 1
    while start < stop and block[stop - 1] in SPACE:
        stop -= 1
    return start, stop
