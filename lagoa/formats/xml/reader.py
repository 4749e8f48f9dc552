"""Reads XML once from front to back, in bounded memory.

A record with an element or attribute that the contract does not know is refused with its bytes; its neighbours are not
affected. A document that is not well-formed or has a DTD is refused as a whole: none of it is written.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from lagoa.domain.lists import listed
from lagoa.errors import SourceError
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.stream import Stream, record_places, to_batches
from lagoa.formats.xml.columns import XmlValues
from lagoa.formats.xml.parser import Malformed, Parser
from lagoa.formats.xml.paths import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.xml.options import XmlSource
    from lagoa.formats.xml.parser import Record

BLOCK = 512 * 1024
"""Bytes read at a time."""

MAX_RECORD = 64 * 1024 * 1024
"""Bytes of the longest record; the limit keeps memory bounded."""

_HEAD = 64 * 1024
_AGAIN = "Correct or fetch the file again; nothing was written."
DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
"""The declaration of an encoding at the beginning of a document."""


class XmlReader(XmlValues):
    """An XML file whose columns are known."""

    scan = None

    def __init__(
        self, contract: Contract, source: XmlSource, file: SourceFile, *, block: int = BLOCK, longest: int = MAX_RECORD
    ) -> None:
        """Read the file up to its first record.

        Args:
            contract: of the table that the file is loaded into.
            source: the form of its files.
            file: the file.
            block: bytes read at a time.
            longest: bytes of the longest record.

        Raises:
            SourceError: the file is empty or not XML, its encoding is doubtful, or it is malformed up to there.
        """
        super().__init__(contract, source, str(file.path))
        self._file = file
        self._record = source.record
        self._steps = steps_of(source.record, source.namespaces)
        self._block = block
        self._longest = longest
        self._beside: dict[str, int] = {}
        try:
            with file.open() as stream:
                self._encoding = encoding_of(file, stream.read(_HEAD), source.encoding)
            parser = Parser(self._steps, self._encoding, longest)
            with file.open() as stream:
                while parser.scope is None and (chunk := stream.read(_HEAD)):
                    parser.feed(chunk)
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        except Malformed as error:
            raise self._malformed(error) from error
        self.header = parser.scope or None

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file, notes=self._notes)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch has either readable or unreadable ones."""
        row = 1
        for records in self.records():
            values, bad = self.read(records)
            places = record_places(row, [each.raw for each in records], [each.offset for each in records])
            yield from to_batches(self.schema, values, places, bad)
            row += len(records)

    def records(self) -> Iterator[list[Record]]:
        """Yield all records, some at a time.

        Raises:
            SourceError: the document is malformed, truncated, has a DTD, or no element at the path of the records.
        """
        try:
            parser = Parser(self._steps, self._encoding, self._longest)
            with self._file.open() as stream:
                while chunk := stream.read(self._block):
                    if found := parser.feed(chunk):
                        yield found
            if found := parser.feed(b"", final=True):
                yield found
        except Malformed as error:
            raise self._malformed(error) from error
        self._beside = parser.beside
        if parser.scope is None and (self.beside_names or not parser.is_found):
            there = f"It has {self.beside_names} there." if self.beside_names else "Look at its first lines."
            message = f"it has no element at {self._record!r}, the path of its records."
            raise SourceError(str(self._file.path), message, f"Correct `record` in `lagoa.source`. {there}")

    @property
    def beside_names(self) -> str:
        """The names of other elements where records are, as far as the file was read."""
        return listed([_readable(tag) for tag in self._beside])

    def _notes(self) -> tuple[str, ...]:
        if not self._beside:
            return ()
        count = sum(self._beside.values())
        return (f"{count:,} elements beside the records are not read: {self.beside_names}",)

    def _malformed(self, error: Malformed) -> SourceError:
        advice = "Take the DTD out, and write what its entities stand for." if "a DTD" in str(error) else _AGAIN
        return SourceError(str(self._file.path), f"it cannot be read as XML: {error}.", advice)


def encoding_of(file: SourceFile, head: bytes, expected: str) -> str:
    """Return the encoding of a document.

    Args:
        file: the document.
        head: its first bytes.
        expected: what the contract says; it counts where the document does not say it.

    Raises:
        SourceError: it is empty or binary, or byte order mark, declaration and contract disagree.
    """
    where = str(file.path)
    if not head.removeprefix(BOM).strip():
        raise SourceError(where, "it is empty.", "Check what wrote it.")
    if b"\0" in head[:4]:
        advice = "Convert it by `iconv -f utf-16 -t utf-8`, and correct the encoding in its first line."
        raise SourceError(where, "it is in UTF-16 or UTF-32, or binary.", advice)
    if kind := kind_of(head):
        raise SourceError(where, f"it is {kind[0]}, not an XML file.", kind[1])
    text = head.removeprefix(BOM)
    if not text.lstrip().startswith(b"<"):
        raise SourceError(where, "it is not an XML document: it does not begin with <.", "Check what wrote it.")
    found = DECLARED.match(text)
    declared = found[1].decode() if found else None
    marked = head != text
    try:
        name = codecs.lookup(declared or ("utf-8" if marked else expected)).name
    except LookupError as error:
        raise SourceError(where, f"its encoding {declared!r} is not known.", "Convert it to UTF-8.") from error
    if marked and name != "utf-8":
        message = f"its byte order mark says utf-8, and its declaration {declared}."
        raise SourceError(where, message, "Find out which is right, and correct its first line.")
    if name not in {codecs.lookup(expected).name, "ascii"}:
        says = "its declaration" if declared else "its byte order mark"
        advice = f"If the file is right, write `encoding: {declared or 'utf-8'}` in `lagoa.source`."
        raise SourceError(where, f"{says} says {name}, and the contract {expected}.", advice)
    return declared or name


def _readable(tag: str) -> str:
    uri, _, name = tag.rpartition(" ")
    return f"{{{uri}}}{name}" if uri else name
