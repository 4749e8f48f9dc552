"""Reads JSON block by block, once from front to back: one object per line, or a document of one array or one object.

With `records`, the array is the list at these keys; what is around it is read when it ends, and must be JSON.

A record that is not an object, or has a key that the contract does not know, is refused with its bytes; its neighbours
are not affected. A document that is not closed, or continues after its end, is not JSON: none of it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.errors import SourceError
from lagoa.formats.json.columns import JsonValues
from lagoa.formats.json.document import check_frame, find_list, find_lists
from lagoa.formats.json.records import SPACE, Span, find_items, find_lines
from lagoa.formats.json.titles import is_title
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.json_values import Unreadable, as_text, read_object
from lagoa.formats.shared.stream import Stream, record_places, to_batches

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

    scan = None

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
        self._path = source.path
        self._titled = source.headerRecord
        self._around = b""
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
        if self._path:
            self._begin += self._find_list()
            self._array = True

    def _find_list(self) -> int:
        """Return how many bytes of the document come before the items of the list of records, and keep these bytes."""
        size = self._block
        while True:
            with self._file.open() as stream:
                stream.seek(self._begin)
                head = stream.read(size)
            try:
                found = find_list(head, self._path, self.encoding)
            except ValueError as error:
                others = [".".join(each.path) for each in find_lists(head, self.encoding)]
                advice = f"Lists of objects are at: {', '.join(others)}." if others else "It has no list of objects."
                raise self._error(f"{error}.", f"Fix `records` in `lagoa.source`. {advice}") from error
            if found is not None:
                self._around = head[: found - 1]
                return found
            if len(head) < size:
                raise self._error(f"it ends before {'.'.join(self._path)!r}.", "Fetch it again; nothing was written.")
            if size > self._longest:
                message = f"{'.'.join(self._path)!r} does not begin in its first {self._longest:,} bytes."
                raise self._error(message, "Write the list as a file of its own.")
            size *= 2

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch has either readable or unreadable ones."""
        for block in self.records():
            values, bad = self.read(block.records)
            if bad and not self._lines and not self._array:
                raise self._error(
                    f"it is not a JSON document: {bad[0].reason}.", "Fix it; use jsonl for one object per line."
                )
            yield from to_batches(self.schema, values, record_places(block.row, block.records, block.offsets), bad)

    def records(self) -> Iterator[Block]:
        """Yield the bytes of all records, some at a time.

        Raises:
            SourceError: a document that does not end where it should, or a record that is too long.
        """
        offset, found = self._begin, 0
        rest, closed = b"", False
        with self._file.open() as stream:
            stream.seek(offset)
            while read := stream.read(max(self._block, len(rest))):  # doubled until a record ends
                block = rest + read
                if closed:
                    rest = self._after(block, offset)
                    offset += len(block) - len(rest)
                    continue
                span = self._find(block, first=not found, final=False)
                yield from self._cut(block, span, offset, found)
                found += len(span.edges)
                offset += span.consumed
                closed, rest = span.closed, block[span.consumed :]
                if closed:
                    tail = self._after(rest, offset)
                    offset, rest = offset + len(rest) - len(tail), tail
                elif len(rest) > self._longest:
                    advice = "Split it, or convert it. If the records are a list inside it, write its key as `records`."
                    raise self._error(f"a record is longer than {self._longest:,} bytes.", advice)
            if self._array and not closed:
                raise self._error("it is truncated: its array is not closed.", "Fetch it again; nothing was written.")
            if not self._array:
                yield from self._cut(rest, self._find(rest, first=not found, final=True), offset, found)
            elif self._path:
                self._check_frame(rest)

    def _find(self, block: bytes, *, first: bool, final: bool) -> Span:
        if self._lines:
            return find_lines(block, final=final)
        if self._array:
            return find_items(block, first=first)
        return Span([(0, len(block))], len(block)) if final and block else Span([], 0)

    def _cut(self, block: bytes, span: Span, offset: int, found: int) -> Iterator[Block]:
        """Yield the records of a block, without the titles, after so many others of the file."""
        edges = span.edges
        if self._titled and not found and edges:
            self._check_titles(block[slice(*edges[0])])
            edges = edges[1:]
        if edges:
            records = [block[start:stop] for start, stop in edges]
            yield Block(records, [offset + start for start, _ in edges], max(1, found + 1 - self._titled))

    def _check_titles(self, record: bytes) -> None:
        """Refuse a first record whose values are no titles: it would be left out."""
        try:
            titles = read_object(record, self.encoding)
        except Unreadable as error:
            raise self._error(
                f"its first record, of titles, cannot be read: {error.fault.reason}.", "Fix it."
            ) from error
        for key, title in titles.items():
            if not is_title(title):
                raise self._error(
                    f"its first record has {as_text(title)!r} as {key!r}, which is no title.",
                    "Write `headerRecord: false` in `lagoa.source`, or fetch the file again.",
                )

    def _after(self, rest: bytes, offset: int) -> bytes:
        """Return what is left to be read of the bytes after the list of records."""
        if not self._path:
            self._refuse_more(rest, offset)
            return b""
        if len(rest) > self._longest:
            message = f"it has more than {self._longest:,} bytes after its list of records."
            raise self._error(message, "Write the list as a file of its own.")
        return rest

    def _check_frame(self, rest: bytes) -> None:
        try:
            check_frame(self._around, rest, self.encoding)
        except ValueError as error:
            message = f"around its list of records it is no JSON: {error}."
            raise self._error(message, "Fetch it again; nothing was written.") from error

    def _refuse_more(self, rest: bytes, offset: int) -> None:
        if rest.strip(SPACE):
            at = offset + len(rest) - len(rest.lstrip(SPACE))
            raise self._error(f"it continues after its array, at byte {at}.", "Fix it; nothing was written.")

    def _error(self, message: str, advice: str) -> SourceError:
        return SourceError(str(self._file.path), message, advice)


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
