"""The cells of a sheet, row by row, as the XML says them: neither its `dimension` nor anything else is believed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lagoa.errors import SourceError
from lagoa.formats.excel.cells import Bad, Truth, moment_of, number_of, text_of
from lagoa.formats.excel.options import LAST_COLUMN, LAST_ROW, column_letters, column_number, read_range
from lagoa.formats.excel.parts import Handler, read, whole
from lagoa.formats.excel.styles import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.formats.excel.options import Range
    from lagoa.formats.excel.workbook import Sheet, Workbook

Cell = str | Bad
"""A text, `Number` or `Truth`; or why a cell has no value. Blank cells are left out."""

_LETTERS = re.compile("[A-Z]{1,3}")
_DIGITS = "0123456789"
_MERGED = 100_000
_AGAIN = "Open it in Excel, save it, and load that."


class Row(NamedTuple):
    """A row with a cell that is not blank: its number, and its cells by the number of their column."""

    number: int
    cells: dict[int, Cell]


class Cells:
    """The cells of a sheet.

    Attributes:
        merged: ranges whose cells are merged; all of them once the rows were read to the end.
    """

    def __init__(self, book: Workbook, sheet: Sheet) -> None:
        self._book, self._sheet = book, sheet
        self.merged: list[Range] = []

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank.

        Raises:
            SourceError: the sheet is damaged.
        """
        handler = _Rows(self._book, self._sheet.name)
        for _ in read(self._book.members[self._sheet.part], handler, most=None):
            yield from handler.found
            handler.found = []
        self.merged = handler.merged


class _Rows(Handler):
    """Makes rows of the elements of a sheet."""

    def __init__(self, book: Workbook, sheet: str) -> None:
        self.found: list[Row] = []
        self.merged: list[Range] = []
        self._book, self._sheet = book, sheet
        self._row = self._column = 0
        self._cells: dict[int, Cell] = {}
        self._columns: dict[str, int] = {}
        self._kind, self._style = "n", "0"
        self._shown = {str(number): shown for number, shown in enumerate(book.shown)}
        self._value: list[str] | None = None
        self._inline: list[str] | None = None
        self._formula = False
        self._taken: list[str] | None = None
        self._above = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See the beginning of a row, a cell or a part of one."""
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v":
            self._value = self._taken = []
        elif name == "row":
            self._begin_row(attributes.get("r"))
        elif name == "t" and self._inline is not None and not self._above:
            self._taken = self._inline
        elif name == "is":
            self._inline = []
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._above += 1
        elif name == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        """See the end of a row, a cell or a part of one."""
        if name in {"v", "t"}:
            self._taken = None
        elif name == "c":
            cell = self._cell()
            if cell is not None:
                self._cells[self._column] = cell
        elif name == "row":
            if self._cells:
                self.found.append(Row(self._row, self._cells))
                self._cells = {}
        elif name == "rPh":
            self._above -= 1

    def text(self, data: str) -> None:
        """See text of a value."""
        if self._taken is not None:
            self._taken.append(data)

    def _begin_row(self, number: str | None) -> None:
        row = self._row + 1 if number is None else whole(number)
        if not self._row < row <= LAST_ROW:
            raise self._damaged(f"row {row} is behind row {self._row}, or none")
        self._row, self._column = row, 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        column = self._column + 1 if reference is None else self._column_of(reference)
        if not self._column < column <= LAST_COLUMN:
            raise self._damaged(f"column {column} of row {self._row} is behind column {self._column}")
        self._column = column
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "0")
        self._value = self._inline = None
        self._formula = False

    def _column_of(self, reference: str) -> int:
        letters = reference.rstrip(_DIGITS)
        number = self._columns.get(letters)
        if number is None and _LETTERS.fullmatch(letters):
            number = self._columns[letters] = column_number(letters)
        if number is None or reference[len(letters) :] != str(self._row):
            raise self._damaged(f"row {self._row} has the cell {reference[:40]!r}")
        return number

    def _merge(self, reference: str) -> None:
        found = read_range(reference)
        if found is None or len(self.merged) >= _MERGED:
            raise self._damaged(f"{reference[:40]!r} are no merged cells, or too many are merged")
        self.merged.append(found)

    def _cell(self) -> Cell | None:
        if self._inline is not None:
            return text_of("".join(self._inline))
        if self._value is None:
            if self._formula:
                why = "a formula whose value is not in the file"
                return Bad(f"{why}: open it in Excel, and save it", {"formula": True})
            return None
        text = "".join(self._value)
        if self._kind == "s":
            return self._shared(text)
        return _ANY[self._kind](text) if self._kind in _ANY else self._number(text)

    def _shared(self, text: str) -> Cell | None:
        number = whole(text.strip())
        if not 0 <= number < len(self._book.texts):
            return Bad(f"it refers to text {text[:40]!r}, which the workbook does not have", {"text": text[:40]})
        return self._book.texts[number]

    def _number(self, text: str) -> Cell | None:
        text = text.strip()
        if not text:
            return None
        shown = self._shown.get(self._style, Shown.NUMBER)
        if shown is Shown.NUMBER:
            return number_of(text)
        return moment_of(text, shown, from_1904=self._book.from_1904)

    def _damaged(self, what: str) -> SourceError:
        return SourceError(self._book.path, f"the sheet {self._sheet!r} is damaged: {what}.", _AGAIN)


def _truth(text: str) -> Cell:
    made = {"1": Truth("true"), "0": Truth("false"), "true": Truth("true"), "false": Truth("false")}.get(text.strip())
    return Bad(f"{text[:40]!r} is neither true nor false", {"boolean": text[:40]}) if made is None else made


def _error(text: str) -> Cell:
    return Bad(f"the error {text[:40]}", {"error": text[:40]}, text=text)


def _moment(text: str) -> Cell:
    return text.strip().removesuffix("Z").replace("T", " ")


_ANY = {"str": text_of, "inlineStr": text_of, "b": _truth, "e": _error, "d": _moment}


def place(row: int, column: int) -> str:
    """Return the name of a cell, such as `B3`."""
    return f"{column_letters(column)}{row}"
