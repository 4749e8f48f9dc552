"""Determines which sheet of a workbook has the table, and what its columns contain."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import parse_type
from lagoa.contracts.sources import ISO_DATE
from lagoa.errors import SourceError
from lagoa.formats.excel.cells import Bad, Truth
from lagoa.formats.excel.options import ExcelSource, read_range
from lagoa.formats.excel.reader import ExcelTable
from lagoa.formats.shared.guesses import RECORDS, Guess
from lagoa.formats.shared.json_values import Number
from lagoa.formats.shared.names import column_names
from lagoa.formats.shared.text_columns import Usual, guess_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Written
    from lagoa.formats.shared.scan import Scan

_WRITTEN: dict[type, Written] = {Number: "number", Truth: "boolean"}


def infer_excel(file: SourceFile, given: Given, findings: Findings) -> tuple[ExcelSource, list[Guess]]:
    """Return the form of a workbook, and its columns; their values are still text.

    Raises:
        SourceError: it is not a workbook that is read, or has no such sheet or no header.
    """
    if given.range is not None and read_range(given.range) is None:
        raise SourceError(str(file.path), f"{given.range!r} is no range of a sheet.", "Write B3, B3:F or B3:F200.")
    source = ExcelSource(format="excel", file=file.name, sheet=given.sheet, range=given.range)
    table = ExcelTable(source, file)
    kinds: dict[int, set[type]] = {number: set() for number in table.header.names}
    for row in islice(table.rows(), RECORDS):
        for number, cell in row.cells.items():
            if number in kinds and not isinstance(cell, Bad):
                kinds[number].add(type(cell))
    names = list(table.header.names.values())
    guesses = []
    for name, header, found in zip(column_names(names), names, kinds.values(), strict=True):
        if not header.isprintable():
            findings.notes.append(f"the name of {name} has a character that is not printed: {header!r}")
        guesses.append(Guess(name, header, "string", "text", parsed=True, written=_written(found)))
    return source.model_copy(update={"sheet": table.sheet}), guesses


def complete(
    source: ExcelSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings
) -> ExcelSource:
    """Complete the guesses of columns; return the form with how dates are written; see `Format.complete`."""
    usual = Usual(decimal=".", date=given.date or ISO_DATE, by_column=True)
    usual_places = 2  # of amounts of money, which stay decimals
    findings.notes += [*guess_columns(guesses, scan.columns, usual), *scan.refusals()]
    for guess in guesses:
        kind = parse_type(guess.type)
        if guess.written == "number" and kind.name == "decimal" and kind.numbers[1] > usual_places:
            guess.type, guess.why = "double", "numbers, which a workbook keeps as doubles"
    return source.model_copy(update={"date": usual.date})


def _written(found: set[type]) -> Written | None:
    """Return the kind of all cells of a column; None if they are text or of several kinds."""
    return _WRITTEN.get(next(iter(found))) if len(found) == 1 else None


def contract_options(source: ExcelSource) -> Iterator[str]:
    """Yield the options as a contract has them, without those that have their default value."""
    if source.sheet is not None:
        yield f"sheet: {json.dumps(source.sheet, ensure_ascii=False)}"
    if source.range is not None:
        yield f"range: {json.dumps(source.range)}"
    if source.date != ISO_DATE:
        yield f"date: {source.date}"
