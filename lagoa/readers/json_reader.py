"""Reads JSON block by block, once from front to back: one object a line, or a document of one array or one object.

A record that is no object, or has a key that the contract does not know, is refused with its bytes; those around it
are not touched. A document that is not closed, or goes on behind its end, is no JSON: nothing of it is written.
"""

from __future__ import annotations

import codecs
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.contracts.findings import near
from lagoa.contracts.iceberg_types import INTEGERS, parse_type
from lagoa.errors import SourceError
from lagoa.readers.files import READ_ERRORS, kind_of
from lagoa.readers.json_nested import Misfit, arrow_type, make
from lagoa.readers.json_records import SPACE, Span, find_items, find_lines
from lagoa.readers.json_values import Unreadable, as_texts, read_object
from lagoa.readers.stream import RAW, Stream, stream_name, stream_schema, to_batches
from lagoa.readers.values import Value, from_text, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.properties import Source
    from lagoa.readers.files import SourceFile
    from lagoa.readers.records import Fault

BLOCK = 4 * 1024 * 1024
"""Bytes read at a time."""

MAX_RECORD = 64 * 1024 * 1024
"""Bytes of the longest record, so that memory stays bounded."""

_BOM = b"\xef\xbb\xbf"
_UTF8 = "utf-8"
_EXACT = INTEGERS | {"decimal"}


class JsonValues:
    """Records of JSON whose columns are known.

    Attributes:
        columns: the contract's columns; which of them a record has, it says itself.
        raw: a record's bytes, as SQL over the stream.
    """

    raw = identifier(RAW)

    def __init__(self, contract: Contract, source: Source, file: str) -> None:
        """Look at the contract.

        Raises:
            SourceError: an encoding that Lagoa does not read.
        """
        self.columns = tuple(column.name for column in contract.columns)
        self._contract = contract
        self._encoding = _encoding(source, file)
        self._date = source.date
        self._kinds = {column.source_name: parse_type(column.type) for column in contract.columns}
        self._known = self._kinds.keys()

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema: scalars as text, nested values in their type with a mark where one cannot be made."""
        import pyarrow as pa

        fields: dict[str, pa.DataType] = {}
        for column, kind in zip(self.columns, self._kinds.values(), strict=True):
            fields[column] = arrow_type(kind) if kind.parts else pa.string()
            if kind.parts:
                fields[_mark(column)] = pa.bool_()
        return stream_schema(fields)

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` when JSON has no such values."""
        kind, name = parse_type(column.type), identifier(stream_name(column.name))
        if not kind.parts:
            return from_text(name, identifier(column.name), column.type, date=self._date)
        arrow_type(kind)
        return Value(name, (identifier(stream_name(_mark(column.name))),))

    def read(self, records: Sequence[bytes]) -> tuple[pa.Table, dict[int, Fault]]:
        """Return the values of the readable records in the schema's order, and why the others are not readable."""
        import pyarrow as pa

        found, bad = [], {}
        for number, record in enumerate(records):
            try:
                found.append(self._object(record))
            except Unreadable as error:
                bad[number] = error.fault
        arrays: list[pa.Array] = []
        for key, kind in self._kinds.items():
            values = [each.get(key) for each in found]
            if kind.parts:
                arrays += _nested(values, kind)
            else:
                arrays.append(pa.array(as_texts(values, exact=kind.name in _EXACT), pa.string()))
        return pa.Table.from_arrays(arrays, names=self.schema.names[5:]), bad

    def _object(self, record: bytes) -> dict[str, Any]:
        found = read_object(record, self._encoding)
        if found.keys() <= self._known:
            return found
        key = next(key for key in found if key not in self._known)
        reason = f"the key {key!r} is not in the contract of {self._contract.table}.{near(key, self._known)}"
        raise Unreadable("keys", reason)


class Block(NamedTuple):
    """Records that follow each other: their bytes, where each begins in the file, and the number of the first."""

    records: list[bytes]
    offsets: list[int]
    row: int


class JsonReader(JsonValues):
    """A JSON file whose columns are known."""

    def __init__(
        self, contract: Contract, source: Source, file: SourceFile, *, block: int = BLOCK, longest: int = MAX_RECORD
    ) -> None:
        """Look at the beginning of the file.

        Args:
            contract: of the table that the file goes to.
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
                self._begin, first = _first(stream, self._encoding)
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        if kind:
            raise self._error(f"it is {kind[0]}, no JSON file.", kind[1])
        if not first:
            raise self._error("it is empty.", "Check what wrote it.")
        if not self._lines and first not in {b"[", b"{"}:
            raise self._error("it is no JSON document: it begins with neither [ nor {.", "Check what wrote it.")
        self._array = not self._lines and first == b"["
        self._begin += self._array

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch holds readable ones or unreadable ones."""
        import numpy as np
        import pyarrow as pa

        for block in self.records():
            values, bad = self.read(block.records)
            if bad and not self._lines and not self._array:
                raise self._error(
                    f"it is no JSON document: {bad[0].reason}.", "Mend it; say jsonl for an object a line."
                )
            numbers = np.arange(block.row, block.row + len(block.records))
            places = [pa.array(numbers), pa.array(block.offsets, pa.int64()), pa.array(block.records, pa.binary())]
            yield from to_batches(self.schema, values, places, bad)

    def records(self) -> Iterator[Block]:
        """Yield the bytes of all records, some at a time.

        Raises:
            SourceError: a document that does not end where it should, or a record beyond all bounds.
        """
        offset, row = self._begin, 1
        rest, closed = b"", False
        with self._file.open() as stream:
            stream.seek(offset)
            while read := stream.read(max(self._block, len(rest))):  # doubled while a record goes on
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
                raise self._error("it breaks off: its array is not closed.", "Fetch it again; nothing was written.")
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
            raise self._error(f"it goes on behind its array, at byte {at}.", "Mend it; nothing was written.")

    def _error(self, message: str, advice: str) -> SourceError:
        return SourceError(str(self._file.path), message, advice)


def _cut(block: bytes, span: Span, offset: int, row: int) -> Iterator[Block]:
    if span.edges:
        records = [block[start:stop] for start, stop in span.edges]
        yield Block(records, [offset + start for start, _ in span.edges], row)


def _mark(column: str) -> str:
    """Return the name of the column that says where a nested value could not be made; no column is named so."""
    return f"{column}!"


def _nested(values: Sequence[Any], kind: Any) -> list[pa.Array]:
    import pyarrow as pa

    made, misfits = [], []
    for value in values:
        try:
            made.append(make(value, kind))
            misfits.append(False)
        except (Misfit, RecursionError):
            made.append(None)
            misfits.append(True)
    return [pa.array(made, arrow_type(kind)), pa.array(misfits)]


def _first(stream: Any, encoding: str) -> tuple[int, bytes]:
    """Return where the text begins, behind a byte order mark and space, and its first byte; empty without any."""
    offset, head = 0, stream.read(len(_BOM))
    if encoding == _UTF8 and head == _BOM:
        offset, head = len(_BOM), b""
    while chunk := head or stream.read(BLOCK):
        if text := chunk.lstrip(SPACE):
            return offset + len(chunk) - len(text), text[:1]
        offset, head = offset + len(chunk), b""
    return offset, b""


def _encoding(source: Source, file: str) -> str:
    encoding = codecs.lookup(source.encoding).name
    if encoding not in {_UTF8, "iso8859-1", "cp1252"}:
        raise SourceError(
            file,
            f"Lagoa does not read JSON in the encoding {source.encoding!r}.",
            f"JSON is UTF-8: convert it with `iconv -f {source.encoding} -t utf-8`, and say so in the contract.",
        )
    return encoding
