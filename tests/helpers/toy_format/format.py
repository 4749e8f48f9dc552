"""Key-value files as a format of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.format import Format
from lagoa.formats.shared.guesses import Guess
from lagoa.formats.shared.names import column_names
from lagoa.formats.shared.refused import Split
from lagoa.formats.shared.text_files import find_encoding, read_head
from toy_format.options import KvSource
from toy_format.reader import KvReader, pairs, split_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.contracts import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.refused import Kept


class Kv(Format[KvSource]):
    """A record a line, its fields `key=value`."""

    names = ("kv",)
    options = KvSource

    def recognises(self, file: SourceFile) -> bool:
        return file.name.endswith(".kv")

    def reader(self, contract: Contract, source: KvSource, file: SourceFile) -> KvReader:
        return KvReader(contract, source, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[KvSource, list[Guess]]:
        del table, given, findings
        lines = read_head(file, "key-value").splitlines()
        between = "|" if b"|" in lines[0] else ";"
        source = KvSource(format="kv", file=file.name, encoding=find_encoding(file), between=between)
        keys = list(dict.fromkeys(key for line in lines for key in pairs(source, line)))
        names = zip(column_names(keys), keys, strict=True)
        return source, [Guess(name, key, "string", "", parsed=True) for name, key in names]

    def contract_options(self, source: KvSource) -> Iterator[str]:
        yield f"between: '{source.between}'"
        yield f"date: {source.date}"

    def split(self, contract: Contract, source: KvSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        del alone
        return [
            Split(None, record.fault) if record.header else split_line(contract, source, record.raw)
            for record in records
        ]
