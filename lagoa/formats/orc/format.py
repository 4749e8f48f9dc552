"""The ORC format, for the registry."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from lagoa.formats.format import Format
from lagoa.formats.orc.options import OrcSource
from lagoa.formats.shared.files import ORC_MAGIC, begins_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.orc.reader import OrcReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split


class Orc(Format[OrcSource]):
    """ORC files, which describe their own columns."""

    names = ("orc",)
    options = OrcSource

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file begins and ends as ORC files do, since text may begin so; see `Format.recognises`."""
        if file.is_packed or not begins_with(file, ORC_MAGIC):
            return False
        if file.content_name.lower().endswith(".orc"):
            return True
        try:
            with file.path.open("rb") as stream:
                stream.seek(-len(ORC_MAGIC) - 1, io.SEEK_END)
                return stream.read(len(ORC_MAGIC)) == ORC_MAGIC
        except OSError:
            return False

    def reader(self, contract: Contract, source: OrcSource, file: SourceFile) -> OrcReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.orc.reader import OrcReader

        del source
        return OrcReader(contract, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[OrcSource, list[Guess]]:
        """Return the columns that a file declares; see `Format.infer`."""
        from lagoa.formats.orc.reader import infer_orc

        del table, given, findings
        return infer_orc(file)

    def split(self, contract: Contract, source: OrcSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused rows; see `Format.split`."""
        from lagoa.formats.shared.json_rows import split_row

        del source, alone
        return [split_row(contract, record) for record in records]
