"""How a table fits into a terminal: which of its columns are shown, and how wide each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

GAP = 2
"""Spaces between two columns."""

MARK = "…"
"""Stands for the end of a value that was cut, and for columns that are left out."""

_CELL, _HEADING = 12, 16
"""The least width to which a text and a heading are cut."""


class Painted(NamedTuple):
    """A cell, with the colour that it has in a terminal."""

    text: str
    colour: str = ""


class Heading(NamedTuple):
    """The heading of a column, and how the column is shown.

    Attributes:
        name: the heading.
        right: whether values are aligned to the right.
        whole: whether no value is cut: numbers, times, names to be copied.
        kept: whether the column is never left out.
    """

    name: str
    right: bool = False
    whole: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Width:
    """How much room a column takes, in characters of a terminal.

    Attributes:
        heading: of its heading.
        cells: of the widest cell.
        whole: whether no value is cut.
        kept: whether the column is never left out.
    """

    heading: int
    cells: int
    whole: bool = False
    kept: bool = False

    @property
    def most(self) -> int:
        """The width in which nothing is cut."""
        return max(self.heading, self.cells)

    @property
    def least(self) -> int:
        """The width below which it is left out instead."""
        return max(min(self.heading, _HEADING), self.cells if self.whole else min(self.cells, _CELL))


def fit(columns: Sequence[Width], room: int | None, first_out: Collection[int] = ()) -> list[int | None]:
    """Return the width of each column, None for one that is left out: as few as possible, from the middle.

    A mark takes the place of columns that are left out, except for those in `first_out`, which are dispensable.

    Args:
        columns: their widths; the first one is never left out.
        room: characters of a line; None for no limit.
        first_out: places of columns that are left out before any other, in this order.
    """
    if room is None:
        return [column.most for column in columns]
    shown = set(range(len(columns)))
    for place in _dispensable(columns, first_out):
        if _needed(columns, shown, first_out) <= room:
            break
        shown.remove(place)
    spare = max(0, room - _needed(columns, shown, first_out))
    widths: list[int | None] = [None] * len(columns)
    growing = sorted(shown, key=lambda place: columns[place].most - columns[place].least)
    for number, place in enumerate(growing):
        column = columns[place]
        more = min(column.most - column.least, spare // (len(growing) - number))
        widths[place] = column.least + more
        spare -= more
    return widths


def _dispensable(columns: Sequence[Width], first_out: Collection[int]) -> Iterator[int]:
    yield from first_out
    middle = len(columns) / 2  # of an even number, the right one of the two in the middle goes first
    for place in sorted(range(1, len(columns)), key=lambda place: abs(place - middle)):
        if not columns[place].kept and place not in first_out:
            yield place


def _needed(columns: Sequence[Width], shown: Collection[int], first_out: Collection[int]) -> int:
    marks = len(_marked([place in shown for place in range(len(columns))], first_out))
    widths = [columns[place].least for place in shown]
    return sum(widths) + len(MARK) * marks + GAP * (len(widths) + marks - 1)


def _marked(shown: Sequence[bool], first_out: Collection[int]) -> set[int]:
    """Return the places of columns that are left out in whose place a mark stands: the first one of a gap."""
    marked, in_gap = set(), False
    for place, is_shown in enumerate(shown):
        if is_shown:
            in_gap = False
        elif place not in first_out and not in_gap:
            marked.add(place)
            in_gap = True
    return marked


def measured(headings: Sequence[Heading], cells: Sequence[Sequence[Painted]]) -> list[Width]:
    """Return the room that each column takes."""
    from rich.cells import cell_len

    widest = [max((cell_len(row[place].text) for row in cells), default=0) for place in range(len(headings))]
    return [
        Width(cell_len(heading.name), width, heading.whole, heading.kept)
        for heading, width in zip(headings, widest, strict=True)
    ]


def laid_out(
    row: Sequence[Painted],
    headings: Sequence[Heading],
    widths: Sequence[int | None],
    first_out: Collection[int] = (),
) -> Iterator[Painted]:
    """Yield the cells of a row as wide as they are shown, and a mark where columns are left out."""
    from rich.cells import cell_len, set_cell_size

    marked = _marked([width is not None for width in widths], first_out)
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        if width is None:
            if place in marked:
                yield Painted(MARK, "dim")
            continue
        missing = width - cell_len(cell.text)
        text = f"{set_cell_size(cell.text, width - 1)}{MARK}" if missing < 0 else cell.text
        padding = " " * max(missing, 0)
        yield Painted(f"{padding}{text}" if headings[place].right else f"{text}{padding}", cell.colour)
