"""Reads JSON block by block, once from front to back: one object per line, or a document of one array or one object.

A record that is not an object, or has a key that the contract does not know, is refused with its bytes; its neighbours
are not affected. A document that is not closed, or continues after its end, is not JSON: none of it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.errors import SourceError
from lagoa.formats.json.columns import JsonValues
from lagoa.formats.json.records import SPACE, Span, find_items, find_lines
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.stream import Stream, to_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.json.options import JsonSource
    from lagoa.formats.shared.files import SourceFile

BLOCK = 4 * 1024 * 1024
"""Bytes read at a time."""

MAX_RECORD = 64 * 1024 * 1024
"""Bytes of the longest record; the limit keeps memory bounded."""

_UTF8 = "utf-8"


class Block(NamedTuple):
    """Successive records: their bytes, where each begins in the file, and the number of the first."""

    records: list[bytes]
    offsets: list[int]
    row: int


class JsonReader(JsonValues):
    """A JSON file whose columns are known."""

    def __init__(
        self, contract: Contract, source: JsonSource, file: SourceFile, *, block: int = BLOCK, longest: int = MAX_RECORD
    ) -> None:
        """Read the beginning of the file.

        Args:
            contract: of the table that the file is loaded into.
            source: the form of its files.
            file: the file.
            block: bytes read at a time.
            longest: bytes of the longest record.

        Raises:
            SourceError: the file is empty, or a document that begins with neither an array nor an object.
        """
        super().__init__(contract, source, str(file.path))
        self._file = file
        self._block = block
        self._longest = longest
        self._lines = source.format == "jsonl"
        try:
            with file.open() as stream:
                kind = kind_of(stream.read(BLOCK))
                stream.seek(0)
                self._begin, first = _first(stream, self.encoding)
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        if kind:
            raise self._error(f"it is {kind[0]}, not a JSON file.", kind[1])
        if not first:
            raise self._error("it is empty.", "Check what wrote it.")
        if not self._lines and first not in {b"[", b"{"}:
            raise self._error("it is not a JSON document: it begins with neither [ nor {.", "Check what wrote it.")
        self._array = not self._lines and first == b"["
        self._begin += self._array

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch has either readable or unreadable ones."""
        import numpy as np
        import pyarrow as pa

        for block in self.records():
            values, bad = self.read(block.records)
            if bad and not self._lines and not self._array:
                raise self._error(
                    f"it is not a JSON document: {bad[0].reason}.", "Fix it; use jsonl for one object per line."
                )
            numbers = np.arange(block.row, block.row + len(block.records))
            places = [pa.array(numbers), pa.array(block.offsets, pa.int64()), pa.array(block.records, pa.binary())]
            yield from to_batches(self.schema, values, places, bad)

    def records(self) -> Iterator[Block]:
        """Yield the bytes of all records, some at a time.

        Raises:
            SourceError: a document that does not end where it should, or a record that is too long.
        """
        offset, row = self._begin, 1
        rest, closed = b"", False
        with self._file.open() as stream:
            stream.seek(offset)
            while read := stream.read(max(self._block, len(rest))):  # doubled until a record ends
                block = rest + read
                if closed:
                    self._refuse_more(block, offset)
                    offset += len(block)
                    continue
                span = self._find(block, row, final=False)
                yield from _cut(block, span, offset, row)
                row += len(span.edges)
                offset += span.consumed
                closed, rest = span.closed, block[span.consumed :]
                if closed:
                    self._refuse_more(rest, offset)
                    offset, rest = offset + len(rest), b""
                elif len(rest) > self._longest:
                    raise self._error(f"a record is longer than {self._longest:,} bytes.", "Split it, or convert it.")
            if self._array and not closed:
                raise self._error("it is truncated: its array is not closed.", "Fetch it again; nothing was written.")
            if not self._array:
                yield from _cut(rest, self._find(rest, row, final=True), offset, row)

    def _find(self, block: bytes, row: int, *, final: bool) -> Span:
        if self._lines:
            return find_lines(block, final=final)
        if self._array:
            return find_items(block, first=row == 1)
        return Span([(0, len(block))], len(block)) if final and block else Span([], 0)

    def _refuse_more(self, rest: bytes, offset: int) -> None:
        if rest.strip(SPACE):
            at = offset + len(rest) - len(rest.lstrip(SPACE))
            raise self._error(f"it continues after its array, at byte {at}.", "Fix it; nothing was written.")

    def _error(self, message: str, advice: str) -> SourceError:
        return SourceError(str(self._file.path), message, advice)


def _cut(block: bytes, span: Span, offset: int, row: int) -> Iterator[Block]:
    if span.edges:
        records = [block[start:stop] for start, stop in span.edges]
        yield Block(records, [offset + start for start, _ in span.edges], row)


def _first(stream: Any, encoding: str) -> tuple[int, bytes]:
    """Return where the text begins, after a byte order mark and space, and its first byte; empty if there is none."""
    offset, head = 0, stream.read(len(BOM))
    if encoding == _UTF8 and head == BOM:
        offset, head = len(BOM), b""
    while chunk := head or stream.read(BLOCK):
        if text := chunk.lstrip(SPACE):
            return offset + len(chunk) - len(text), text[:1]
        offset, head = offset + len(chunk), b""
    return offset, b""
