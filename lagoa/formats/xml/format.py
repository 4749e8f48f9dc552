"""The XML format, for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.format import Format
from lagoa.formats.xml.options import XmlSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.refused import Kept, Split
    from lagoa.formats.shared.scan import Scan
    from lagoa.formats.xml.reader import XmlReader


class Xml(Format[XmlSource]):
    """XML documents."""

    names = ("xml",)
    options = XmlSource
    given = frozenset({"nulls", "encoding", "date", "decimal", "thousands", "records"})

    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file has a name of XML files."""
        return file.content_name.lower().endswith(".xml")

    def reader(self, contract: Contract, source: XmlSource, file: SourceFile) -> XmlReader:
        """Return the reader of a file; see `Format.reader`."""
        from lagoa.formats.xml.reader import XmlReader

        return XmlReader(contract, source, file)

    def infer(
        self, file: SourceFile, table: TableName, given: Given, findings: Findings
    ) -> tuple[XmlSource, list[Guess]]:
        """Return the form of a file, and its columns; see `Format.infer`."""
        from lagoa.formats.xml.infer import infer_xml

        return infer_xml(file, table, given, findings)

    def complete(
        self, source: XmlSource, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings
    ) -> XmlSource:
        """Complete the guesses of text columns; see `Format.complete`."""
        from lagoa.formats.xml.infer import complete

        return complete(source, guesses, scan, given, findings)

    def contract_options(self, source: XmlSource) -> Iterable[str]:
        """Return the options of a form as a contract has them; see `Format.contract_options`."""
        from lagoa.formats.xml.infer import contract_options

        return contract_options(source)

    def split(self, contract: Contract, source: XmlSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records; see `Format.split`."""
        from lagoa.formats.xml.resend import split_xml

        del alone
        return [split_xml(contract, source, record) for record in records]
