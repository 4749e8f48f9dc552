"""The Parquet format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.format import Format
from lagoa.formats.parquet.options import ParquetSource
from lagoa.formats.shared.files import MAGIC, begins_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.parquet.reader import ParquetReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split


class Parquet(Format[ParquetSource]):
    """Parquet files, which describe their own columns."""

    names = ("parquet",)
    options = ParquetSource

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file begins as Parquet files do, whatever its name; see `Format.recognises`."""
        return begins_with(file, MAGIC)

    def reader(self, contract: Contract, source: ParquetSource, file: SourceFile) -> ParquetReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.parquet.reader import ParquetReader

        del source
        _refuse_packed(file)
        return ParquetReader(contract, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[ParquetSource, list[Guess]]:
        """Return the columns that a file declares; see `Format.infer`."""
        from lagoa.formats.parquet.infer import infer_parquet

        del table, given, findings
        _refuse_packed(file)
        return infer_parquet(file)

    def split(self, contract: Contract, source: ParquetSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused rows; see `Format.split`."""
        from lagoa.formats.shared.json_rows import split_row

        del source, alone
        return [split_row(contract, record) for record in records]


def _refuse_packed(file: SourceFile) -> None:
    """Raise `SourceError` for a file inside another: Parquet is read from its end."""
    if file.is_packed:
        raise SourceError(str(file.path), "a Parquet file is not read from a compressed one.", "Unpack it first.")
