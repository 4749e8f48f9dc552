"""How a table fits into a terminal: which of its columns are shown, and how wide each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

GAP = 2
"""Spaces between two columns."""

MARK = "…"
"""Stands for the end of a value that was cut, and for columns that are left out."""

_ENOUGH = 40
"""The width of a text for which dispensable columns are left out."""

_CELL, _HEADING, _LONG = 12, 16, 24
"""The least width to which a text and a heading are cut; a heading up to the last only if it is twice its values."""


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
        unlike: how much of the heading tells it from the others, with the mark of a cut.
    """

    heading: int
    cells: int
    whole: bool = False
    kept: bool = False
    unlike: int = 0

    @property
    def most(self) -> int:
        """The width in which nothing is cut."""
        return max(self.heading, self.cells)

    @property
    def shown(self) -> int:
        """The width in which enough is shown for others to be left out for it."""
        return max(self.least, min(self.most, _ENOUGH))

    @property
    def least(self) -> int:
        """The width below which it is left out instead."""
        cells = self.cells if self.whole else min(self.cells, _CELL)
        return max(min(self.heading, max(_HEADING, min(2 * cells, _LONG), self.unlike)), cells)


def fit(columns: Sequence[Width], room: int | None, first_out: Collection[int] = ()) -> list[int | None]:
    """Return the width of each column, None for one that is left out: as few as possible, from the middle.

    A mark takes the place of columns that are left out, except for those in `first_out`, which are dispensable.

    Args:
        columns: their widths; the first one is never left out.
        room: characters of a line; None for no limit.
        first_out: places of columns that are left out before any other, in this order, and before texts are cut.
    """
    if room is None:
        return [column.most for column in columns]
    shown = set(range(len(columns)))
    removed = []
    for place in _dispensable(columns, first_out):
        if _needed(columns, shown, first_out, whole=place in first_out) <= room:
            break
        shown.remove(place)
        removed.append(place)
    for place in reversed(removed):  # a wide one went after it; what is dispensable costs the others nothing
        if _needed(columns, shown | {place}, first_out, whole=place in first_out) <= room:
            shown.add(place)
    spare = max(0, room - _needed(columns, shown, first_out))
    least = {place: columns[place].least for place in sorted(shown)}
    headed, spare = _grown(least, {place: max(width, columns[place].heading) for place, width in least.items()}, spare)
    grown, _ = _grown(headed, {place: columns[place].most for place in least}, spare)
    return [grown.get(place) for place in range(len(columns))]


def _grown(widths: Mapping[int, int], wanted: Mapping[int, int], spare: int) -> tuple[dict[int, int], int]:
    """Return the widths of columns with a fair share each of the spare room, and what is left of that."""
    grown = dict(widths)
    growing = sorted(widths, key=lambda place: wanted[place] - widths[place])
    for number, place in enumerate(growing):
        more = min(wanted[place] - widths[place], spare // (len(growing) - number))
        grown[place] += more
        spare -= more
    return grown, spare


def _dispensable(columns: Sequence[Width], first_out: Collection[int]) -> Iterator[int]:
    yield from first_out
    others = [place for place in range(len(columns)) if place not in first_out]
    middle = len(others) / 2  # of an even number, the right one of the two in the middle goes first
    for number in sorted(range(1, len(others)), key=lambda number: abs(number - middle)):
        if not columns[others[number]].kept:
            yield others[number]


def _needed(
    columns: Sequence[Width], shown: Collection[int], first_out: Collection[int], *, whole: bool = False
) -> int:
    marks = len(_marked([place in shown for place in range(len(columns))], first_out))
    widths = [columns[place].shown if whole else columns[place].least for place in shown]
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
        Width(cell_len(heading.name), width, heading.whole, heading.kept, cell_len(start) + len(MARK))
        for heading, width, start in zip(headings, widest, _unlike([each.name for each in headings]), strict=True)
    ]


def _unlike(names: Sequence[str]) -> list[str]:
    """Return the start of each name that no other name has; of equal names, all."""
    order = sorted(range(len(names)), key=names.__getitem__)
    shared = [0] * len(names)  # a name has most in common with one next to it
    for one, other in pairwise(order):
        same = takewhile(lambda pair: pair[0] == pair[1], zip(names[one], names[other], strict=False))
        length = sum(1 for _ in same)
        shared[one], shared[other] = max(shared[one], length), max(shared[other], length)
    return [name[: length + 1] for name, length in zip(names, shared, strict=True)]


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
