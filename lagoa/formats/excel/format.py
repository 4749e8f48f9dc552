"""The Excel format, for the registry."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from lagoa.formats.excel.options import ExcelSource
from lagoa.formats.format import Format
from lagoa.formats.shared.files import OLD_OFFICE_MAGIC, ZIP_MAGIC, begins_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.excel.reader import ExcelReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split
    from lagoa.formats.shared.scan import Scan

_PARTS = frozenset({"[Content_Types].xml", "mimetype"})


class Excel(Format[ExcelSource]):
    """Workbooks of Excel; those of other programs and of old versions are recognised, and refused by name."""

    names = ("excel",)
    options = ExcelSource
    given = frozenset({"nulls", "date", "sheet", "range"})
    counts_rows = True

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file is a spreadsheet by its first bytes and what is in it; see `Format.recognises`."""
        if file.is_packed:
            return False
        if begins_with(file, OLD_OFFICE_MAGIC):
            return True
        if not begins_with(file, ZIP_MAGIC):
            return False
        try:
            with zipfile.ZipFile(file.path) as archive:
                return not _PARTS.isdisjoint(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return file.path.suffix.lower().startswith(".xls")

    def reader(self, contract: Contract, source: ExcelSource, file: SourceFile) -> ExcelReader:
        """Return the reader of a file, its header read; see `Format.reader`."""
        from lagoa.formats.excel.reader import ExcelReader

        return ExcelReader(contract, source, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[ExcelSource, list[Guess]]:
        """Return the sheet of a file, and its columns; see `Format.infer`."""
        from lagoa.formats.excel.infer import infer_excel

        del table
        return infer_excel(file, given, findings)

    def complete(
        self, source: ExcelSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings
    ) -> ExcelSource:
        """Complete the guesses, and the form of dates; see `Format.complete`."""
        from lagoa.formats.excel.infer import complete

        return complete(source, guesses, scan, given, findings)

    def contract_options(self, source: ExcelSource) -> Iterable[str]:
        """Return sheet, range and form of dates as a contract has them; see `Format.contract_options`."""
        from lagoa.formats.excel.infer import contract_options

        return contract_options(source)

    def split(self, contract: Contract, source: ExcelSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused rows; see `Format.split`."""
        from lagoa.formats.excel.resend import split_excel

        del source, alone
        return [split_excel(contract, record) for record in records]
