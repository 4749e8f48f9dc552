"""Finds the header of a table in a sheet: the first row of its range, or of all that is not blank."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lagoa.errors import SourceError
from lagoa.formats.excel.cells import Bad
from lagoa.formats.excel.options import Range, column_letters
from lagoa.formats.excel.sheet import place
from lagoa.formats.shared.json_values import Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.formats.excel.sheet import Row

_LOOKED_AT = 100


class Header(NamedTuple):
    """The header of a table: its row, the name of each column by its number, and the range of the table."""

    row: int
    names: dict[int, str]
    range: Range


def find_header(rows: Iterable[Row], wanted: Range | None, path: str) -> Header:
    """Return the header of a table.

    Args:
        rows: of the sheet.
        wanted: the range of the table; None for all of the sheet.
        path: of the workbook, for messages.

    Raises:
        SourceError: there is none, it has a cell without a value, or it seems to be a title.
    """
    limits = wanted or Range()
    first: list[Row] = []
    for row in rows:
        cells = {number: cell for number, cell in row.cells.items() if _is_inside(number, limits)}
        if row.number >= (limits.first_row or 1) and cells:
            first.append(row._replace(cells=cells))
            if len(first) > _LOOKED_AT:
                break
    if not first or (wanted and wanted.first_row and first[0].number != wanted.first_row):
        where = f"row {limits.first_row} of the sheet is blank" if limits.first_row else "the sheet is blank"
        raise SourceError(path, f"it has no header: {where}.", "Correct `range` or `sheet` in `lagoa.source`.")
    head, *others = first
    for number, cell in head.cells.items():
        if isinstance(cell, Bad):
            message = f"its header has no name in {place(head.number, number)}: {cell.why}."
            raise SourceError(path, message, "Write the name into the cell.")
    names = {number: str(cell) for number, cell in head.cells.items() if str(cell).strip()}
    _refuse_title(head, names, others, limits, path)
    last = limits.last_column or (max(names) if wanted else None)
    return Header(head.number, names, limits._replace(last_column=last))


def _is_inside(column: int, limits: Range) -> bool:
    return limits.first_column <= column and (limits.last_column is None or column <= limits.last_column)


def _refuse_title(head: Row, names: dict[int, str], others: Sequence[Row], limits: Range, path: str) -> None:
    """Raise `SourceError` if rows have values where the header has no name: it is then a title, or not complete."""
    for row in others:
        beyond = sorted(number for number in row.cells if number not in names)
        if limits.last_column is None and limits.first_row is not None:  # the range ends with the last name
            beyond = [number for number in beyond if number < max(names, default=0)]
        if not beyond:
            continue
        cell = place(row.number, beyond[0])
        message = f"row {head.number} has no name for column {column_letters(beyond[0])}, and {cell} has a value"
        table = next((each for each in others if _may_be_header(each, others)), None)
        where = place(table.number, min(table.cells)) if table else place(row.number, min(row.cells))
        advice = (
            f"If row {head.number} is a title, or its cells are merged, say where the table begins: "
            f"`range: {where}` in `lagoa.source`, or --range {where}. Else name the column."
        )
        raise SourceError(path, f"{message}.", advice)


def _may_be_header(row: Row, others: Sequence[Row]) -> bool:
    """Return whether a row has different texts in all columns that rows have."""
    texts = [cell for cell in row.cells.values() if isinstance(cell, str) and not isinstance(cell, Number)]
    widest = max(len(each.cells) for each in others)
    return len(row.cells) == len(set(texts)) == widest
