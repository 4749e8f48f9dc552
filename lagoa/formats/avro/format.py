"""The Avro format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.avro.options import AvroSource
from lagoa.formats.format import Format
from lagoa.formats.shared.files import AVRO_MAGIC, begins_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.avro.reader import AvroReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split


class Avro(Format[AvroSource]):
    """Avro files of containers, which describe their own columns; they may be inside a compressed file."""

    names = ("avro",)
    options = AvroSource

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file begins as Avro files do, whatever its name; see `Format.recognises`."""
        return begins_with(file, AVRO_MAGIC)

    def reader(self, contract: Contract, source: AvroSource, file: SourceFile) -> AvroReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.avro.reader import AvroReader

        del source
        return AvroReader(contract, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[AvroSource, list[Guess]]:
        """Return the columns that a file declares; see `Format.infer`."""
        from lagoa.formats.avro.infer import infer_avro

        del table, given, findings
        return infer_avro(file)

    def split(self, contract: Contract, source: AvroSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused rows; see `Format.split`."""
        from lagoa.formats.shared.json_rows import split_row

        del source, alone
        return [split_row(contract, record) for record in records]
