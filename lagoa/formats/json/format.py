"""The JSON format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.format import Format
from lagoa.formats.json.options import JsonSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.json.reader import JsonReader
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split

_SUFFIXES = (".json", ".jsonl", ".ndjson")


class Json(Format[JsonSource]):
    """JSON documents, and JSON lines."""

    names = ("json", "jsonl")
    options = JsonSource
    given = frozenset({"nulls", "encoding", "date", "records"})

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file has a name of JSON files."""
        return file.content_name.lower().endswith(_SUFFIXES)

    def reader(self, contract: Contract, source: JsonSource, file: SourceFile) -> JsonReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.json.reader import JsonReader

        return JsonReader(contract, source, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[JsonSource, list[Guess]]:
        """Return the form of a file, and its columns; see `Format.infer`."""
        from lagoa.formats.json.infer import infer_json

        return infer_json(file, table, given, findings)

    def contract_options(self, source: JsonSource) -> Iterable[str]:
        """Return encoding and form of dates as a contract has them; see `Format.contract_options`."""
        from lagoa.formats.json.infer import contract_options

        return contract_options(source)

    def split(self, contract: Contract, source: JsonSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records; see `Format.split`."""
        from lagoa.formats.json.resend import split_json

        del alone
        return [split_json(contract, source, record) for record in records]
