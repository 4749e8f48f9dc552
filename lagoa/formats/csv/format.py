"""The CSV format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.format import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.csv.reader import CsvReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split
    from lagoa.formats.shared.scan import Last, Refused, Scan


class Csv(Format[CsvSource]):
    """Text with delimiters between its fields."""

    names = ("csv",)
    options = CsvSource
    given = frozenset(
        {"header", "names", "skip", "footer", "nulls", "decimal", "thousands", "delimiter", "encoding", "date"}
    )

    def recognises(self, file: SourceFile) -> bool:
        """Return True: text that has no other format is taken for CSV."""
        del file
        return True

    def reader(self, contract: Contract, source: CsvSource, file: SourceFile) -> CsvReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.csv.others import refuse_other_encoding, refuse_other_kinds
        from lagoa.formats.csv.reader import CsvReader
        from lagoa.formats.shared.text_files import read_beginning

        head = read_beginning(file, source.encoding)
        refuse_other_encoding(head, source, file)
        if source.header is not True:
            refuse_other_kinds(head, file)
        try:
            reader = CsvReader(contract, source, file)
        except SourceError:
            refuse_other_kinds(head, file)  # whose name says more than that its first line does not fit
            raise
        reader.check_first_records()
        return reader

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[CsvSource, list[Guess]]:
        """Return the form of a file, and its columns; see `Format.infer`."""
        from lagoa.formats.csv.infer import infer_csv

        del table
        return infer_csv(file, given, findings)

    def for_infer(self, source: CsvSource) -> CsvSource:
        """Return the form without a doubt about the header: the first record is then looked at as the others are."""
        return source.model_copy(update={"header": False}) if source.header == "undecided" else source

    def find_footer(self, given: Given, scan: Scan, last: Sequence[Last], refused: Sequence[Refused]) -> int:
        """Return how many records at the end are totals or notes; see `Format.find_footer`."""
        from lagoa.formats.csv.footer import find_footer

        return find_footer(scan.columns, last, refused) if given.footer is None else 0

    def complete(
        self, source: CsvSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings
    ) -> CsvSource:
        """Complete the guesses, and the form with footer, decimal mark and dates; see `Format.complete`."""
        from lagoa.formats.csv.complete import complete

        return complete(source, guesses, scan, given, findings)

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
