"""The format of fixed widths, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.fixed_width.options import FixedSource
from lagoa.formats.format import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.fixed_width.reader import FixedReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split


class Fixed(Format[FixedSource]):
    """Text files whose fields have fixed places in a line; their layout is in the contract alone."""

    names = ("fixed_width",)
    options = FixedSource

    def recognises(self, file: SourceFile) -> bool:
        """Return False: nothing in such a file says where its fields are."""
        del file
        return False

    def reader(self, contract: Contract, source: FixedSource, file: SourceFile) -> FixedReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.fixed_width.reader import FixedReader

        return FixedReader(contract, source, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[FixedSource, list[Guess]]:
        """Refuse to guess: where fields begin is in a document of who writes the file."""
        del table, given, findings
        message = "where the fields of its lines begin cannot be guessed."
        raise SourceError(str(file.path), message, "Write a contract with `format: fixed_width` and its `columns`.")

    def split(self, contract: Contract, source: FixedSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records; see `Format.split`."""
        from lagoa.formats.fixed_width.resend import split_fixed

        del alone
        return split_fixed(contract, source, records)
