"""Reads a sheet of an Excel workbook from its header to its last row, its columns by name.

All values are passed on as text, from which the contract's types are made as in JSON. A row has no bytes of its own:
the quarantine shows it as JSON.
"""

from __future__ import annotations

import json
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import SourceError
from lagoa.formats.excel.cells import Bad
from lagoa.formats.excel.header import find_header
from lagoa.formats.excel.options import column_letters, read_range
from lagoa.formats.excel.sheet import Cells, place
from lagoa.formats.excel.workbook import open_workbook
from lagoa.formats.shared.columns import match_columns, without
from lagoa.formats.shared.files import READ_ERRORS
from lagoa.formats.shared.json_values import Number
from lagoa.formats.shared.refused import Fault
from lagoa.formats.shared.stream import Stream, row_as_json, stream_name, stream_schema, to_batches
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.excel.header import Header
    from lagoa.formats.excel.options import ExcelSource, Range
    from lagoa.formats.excel.sheet import Cell, Row
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.stream import EngineScan

_ROWS = 8 * 1024


class ExcelTable:
    """A table in a sheet, its header read.

    Attributes:
        sheet: name of the sheet.
        header: where it is, and its names.
    """

    def __init__(self, source: ExcelSource, file: SourceFile) -> None:
        self._book = open_workbook(file)
        self._file = file
        self._sheet = self._book.sheet(source.sheet)
        self.sheet = self._sheet.name
        try:
            rows = Cells(self._book, self._sheet).rows()
            self.header: Header = find_header(rows, read_range(source.range) if source.range else None, str(file.path))
        except READ_ERRORS as error:
            raise file.unreadable(error) from error

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header that are not blank, with the cells in the table's range.

        Raises:
            SourceError: the sheet is damaged, or cells of the table are merged.
        """
        cells = Cells(self._book, self._sheet)
        limits = self.header.range
        last = self.header.row
        for row in cells.rows():
            if row.number <= self.header.row or row.number > (limits.last_row or row.number):
                continue
            inside = {
                column: cell
                for column, cell in row.cells.items()
                if limits.first_column <= column <= (limits.last_column or column)
            }
            if inside:
                last = row.number
                yield row._replace(cells=inside)
        self._refuse_merged(cells.merged, last)

    def _refuse_merged(self, merged: Sequence[Range], last: int) -> None:
        """Raise `SourceError` for merged cells inside the table: only the first of them has the value."""
        names = self.header.names
        for each in merged:
            top, bottom = each.first_row or 1, each.last_row or each.first_row or 1
            right = each.last_column or each.first_column
            across = any(each.first_column <= column <= right for column in names)
            if across and top <= last and bottom >= self.header.row:
                where = f"{place(top, each.first_column)}:{place(bottom, right)}"
                message = f"the cells {where} of the sheet {self.sheet!r} are merged: only the first has their value."
                advice = "Unmerge them, and fill the others; leave out titles and totals by `range` in `lagoa.source`."
                raise SourceError(str(self._file.path), message, advice)


class ExcelReader:
    """A table in a sheet whose columns are known.

    Attributes:
        columns: the contract's columns that the sheet has, in its order.
        header: None, since the quarantine shows a row with its column names.
        scan: None: the engine gets the stream.
    """

    header: tuple[str, ...] | None = None
    scan: EngineScan | None = None

    def __init__(self, contract: Contract, source: ExcelSource, file: SourceFile) -> None:
        """Read the header.

        Raises:
            SourceError: it is not an Excel workbook, has no such sheet or no header, or does not fit the contract.
        """
        self._file = file
        self._table = ExcelTable(source, file)
        names = self._table.header.names
        self.columns = match_columns(contract, list(names.values()), str(file.path))
        self._places = dict(zip(names, self.columns, strict=True))
        self._written = source.spelling
        self._columns = {column.name: column for column in contract.columns}

    @property
    def raw(self) -> str:
        """A row as JSON, as SQL over the stream."""
        return row_as_json(self.columns)

    def stream(self) -> Stream:
        """Return the rows from the first to the last, as one pass over the sheet."""
        return Stream(self.schema, self._batches(), self._file)

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema."""
        import pyarrow as pa

        return stream_schema(dict.fromkeys(self.columns, pa.string()))

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` if text cannot express the type."""
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        return from_text(text, made, column.type, column.spelling(self._written))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        rows = self._table.rows()
        while found := list(islice(rows, _ROWS)):
            yield from self._taken(found)

    def _taken(self, rows: Sequence[Row]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        faults = {index: fault for index, row in enumerate(rows) if (fault := self._fault(row)) is not None}
        good = [row for index, row in enumerate(rows) if index not in faults]
        arrays = []
        for number, name in self._places.items():
            column = self._columns[name]
            values = self._spelled([row.cells.get(number) for row in good], column)
            arrays.append(without(pa.array(values, pa.string()), column.nulls or ()))
        raw = pa.array([self._shown(row) if index in faults else None for index, row in enumerate(rows)], pa.binary())
        numbers = pa.array([row.number for row in rows], pa.int64())
        table = pa.Table.from_arrays(arrays, names=self.schema.names[5:])
        yield from to_batches(self.schema, table, [numbers, pa.nulls(len(rows), pa.int64()), raw], faults)

    def _spelled(self, cells: Sequence[Cell | None], column: Column) -> list[str | None]:
        """Return values as the column's texts are written; what is left of `Bad` means null there."""
        mark = column.spelling(self._written).decimal
        if mark == ".":
            return [None if isinstance(cell, Bad) else cell for cell in cells]
        return [
            cell.replace(".", mark) if isinstance(cell, Number) else None if isinstance(cell, Bad) else cell
            for cell in cells
        ]

    def _fault(self, row: Row) -> Fault | None:
        """Return why a row cannot be read: a cell without a value, or one where the table has no column."""
        for number, cell in row.cells.items():
            name = self._places.get(number)
            if name is None:
                return Fault("fields", f"{place(row.number, number)} has a value, and its column no name")
            if isinstance(cell, Bad):
                column = self._columns[name]
                if cell.text and cell.text in (column.nulls or ()):
                    continue
                if cell.rule != "type":
                    return Fault(cell.rule, f"{name} has {cell.why}")
                return Fault(f"type/{name}", f"{name} is no {column.type}: {cell.why}")
        return None

    def _shown(self, row: Row) -> bytes:
        """Return a row as JSON, what is wrong with it as objects."""
        found: dict[str, object] = dict.fromkeys(self.columns)
        for number, cell in row.cells.items():
            name = self._places.get(number, column_letters(number))
            found[name] = cell.shown if isinstance(cell, Bad) else cell
        return json.dumps(found, ensure_ascii=False).encode()
