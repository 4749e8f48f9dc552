"""The CSV format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.format import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.csv.reader import CsvReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split


class Csv(Format[CsvSource]):
    """Text with delimiters between its fields."""

    names = ("csv",)
    options = CsvSource

    def recognises(self, file: SourceFile) -> bool:
        """Return True: text that has no other format is taken for CSV."""
        del file
        return True

    def reader(self, contract: Contract, source: CsvSource, file: SourceFile) -> CsvReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.csv.reader import CsvReader, refuse_other_kinds

        if source.header is not True:
            refuse_other_kinds(source, file)
        try:
            reader = CsvReader(contract, source, file)
        except SourceError:
            refuse_other_kinds(source, file)  # whose name says more than that its first line does not fit
            raise
        reader.check_first_records()
        return reader

    def infer(self, file: SourceFile, table: TableName) -> tuple[CsvSource, list[Guess]]:
        """Return the dialect of a file, and its columns; see `Format.infer`."""
        from lagoa.formats.csv.infer import infer_csv

        del table
        return infer_csv(file)

    def find_spelling(
        self, connection: DuckDBPyConnection, source: CsvSource, guesses: Sequence[Guess]
    ) -> tuple[CsvSource, Sequence[str]]:
        """Return words for null, decimal mark and form of dates; see `Format.find_spelling`."""
        from lagoa.formats.csv.infer import find_spelling

        return find_spelling(connection, source, guesses)

    def contract_options(self, source: CsvSource) -> Iterable[str]:
        """Return the dialect as a contract has it; see `Format.contract_options`."""
        from lagoa.formats.csv.infer import contract_options

        return contract_options(source)

    def described(self, source: CsvSource) -> str:
        """Return the delimiter and the quote; see `Format.described`."""
        return f" with the delimiter {source.delimiter!r}, quote {source.quote!r}"

    def split(self, contract: Contract, source: CsvSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records; see `Format.split`."""
        from lagoa.formats.csv.resend import split_csv

        return split_csv(contract, source, records, alone=alone)
