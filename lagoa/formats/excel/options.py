"""What `lagoa.source` may say about Excel workbooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from lagoa.formats.shared.options import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_COLUMN, LAST_ROW = 16_384, 1_048_576
"""The last column and row that a sheet may have."""

_RANGE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})?(?::([A-Z]{1,3})([1-9]\d{0,6})?)?")


class Range(NamedTuple):
    """A part of a sheet: columns and rows from 1; None where it has no limit."""

    first_column: int = 1
    first_row: int | None = None
    last_column: int | None = None
    last_row: int | None = None


class ExcelSource(TextSource):
    """The form of Excel workbooks.

    Attributes:
        format: `excel`.
        sheet: name of the sheet; None if the workbook has one that is not hidden.
        range: where the table is, its header first: `B3`, `B3:F` or `B3:F200`; None if it is all that the sheet has.
    """

    files: ClassVar[str] = "Excel"

    format: Literal["excel"]
    sheet: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    range: Annotated[str, Field(max_length=40)] | None = None

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield what cannot be used, such as a range that is none."""
        yield from super().faults()
        if self.range is not None and read_range(self.range) is None:
            message = f"{self.range!r} is no range of a sheet."
            yield "range", message, "Write its first cell, and the last column or cell: B3, B3:F or B3:F200."


def read_range(text: str) -> Range | None:
    """Return the range that a text is; None if it is none."""
    found = _RANGE.fullmatch(text.replace("$", ""))
    if found is None:
        return None
    first, top, last, bottom = found.groups()
    made = Range(
        column_number(first), int(top) if top else None, column_number(last) if last else None, int(bottom or 0) or None
    )
    _, row, column, end = made
    inside = (column or made.first_column) <= LAST_COLUMN and (end or row or 1) <= LAST_ROW
    ordered = made.first_column <= (column or LAST_COLUMN) and (row or 1) <= (end or LAST_ROW)
    return made if inside and ordered else None


def column_number(letters: str) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """Return the letters of a column: A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
