"""Reads a CSV file block by block, once from front to back, into Arrow batches of text.

A block without faults is parsed as a whole. In any other block, `split` separates the records one by one, and those
that cannot be read are returned with their bytes and the reason. So a fault slows down only its block.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import SourceError
from lagoa.formats.csv.blocks import Block, encoding_faults, header_faults, nameless_faults, without_footer
from lagoa.formats.csv.dialect import MAX_RECORD, dialect_of
from lagoa.formats.csv.footer import Footer
from lagoa.formats.csv.header import Beginning
from lagoa.formats.csv.records import Records, scan, split
from lagoa.formats.shared.columns import match_columns, without
from lagoa.formats.shared.files import BOM, kind_of
from lagoa.formats.shared.stream import RAW, Stream, stream_name, stream_schema, to_batches
from lagoa.formats.shared.text_files import open_text, read_beginning
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.csv.options import CsvSource
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.files import SourceFile

BLOCK = 2 * 1024 * 1024
"""Bytes read at a time: twice as many take 35 MB more for the positions in them, and are no faster."""

_UTF8 = "utf-8"


class CsvReader:
    """A CSV file whose columns are known.

    Attributes:
        columns: the contract's columns that the file has, in the file's order.
        raw: a record's bytes, as SQL over the stream.
        header: the file's names for the fields of a record.
    """

    raw = name_in_sql(RAW)
    scan = None

    def __init__(
        self,
        contract: Contract,
        source: CsvSource,
        file: SourceFile,
        *,
        block: int = BLOCK,
        longest: int = MAX_RECORD,
    ) -> None:
        """Read the header.

        Args:
            contract: of the table that the file is loaded into.
            source: the form of its files.
            file: the file.
            block: bytes read at a time.
            longest: bytes within which an opened quote must be closed.

        Raises:
            SourceError: the file is empty, its header cannot be read or does not fit the contract.
        """
        self._file = file
        self._block = block
        nulls = {column.name: column.null_texts(source) for column in contract.columns}
        self._nulls = [text for text in source.null_texts if all(text in texts for texts in nulls.values())]
        self._own_nulls = {name: own for name, texts in nulls.items() if (own := set(texts) - set(self._nulls))}
        self._written = source.spelling
        self._encoding = source.encoding
        dialect = replace(dialect_of(source, len(contract.columns), str(file.path)), longest=longest)
        head = read_beginning(file, source.encoding)
        begin = len(BOM) if dialect.encoding == _UTF8 and head.startswith(BOM) else 0
        if not head[begin:]:
            raise SourceError(str(file.path), "it is empty, without even a header.", "Check what wrote it.")
        if not head[begin:].strip() and (source.header is True or len(contract.columns) > 1):
            raise SourceError(str(file.path), "it is empty: it has only blank lines.", "Check what wrote it.")
        kind = kind_of(head)
        if kind and b"\0" in head:  # text may begin like that, too
            raise SourceError(str(file.path), f"it is {kind[0]}, not a CSV file.", kind[1])
        self._beginning = Beginning(head, begin, source, dialect, str(file.path))
        self._header = self._beginning.header(contract)
        self.header = self._header.names
        try:
            self.columns = match_columns(contract, self._header.named, str(file.path))
        except SourceError:
            self._beginning.refuse_other_place(contract)
            raise
        self._dialect = replace(dialect, fields=len(self.header))
        self._fields = (*self.columns, *(f"@{number}" for number in range(self._header.nameless)))
        named = zip(self._header.named, self.columns, strict=True)
        self._repeated = [None if name in nulls[column] else name for name, column in named]
        self._footer = source.footer
        by_name = {column.name: column for column in contract.columns}
        self._contracted = [by_name[name] for name in self.columns]

    def check_first_records(self) -> None:
        """Make sure that the header fits the first records; see `Beginning.check_records`."""
        replace(self._beginning, dialect=self._dialect).check_records(self._header)

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        footer = Footer(self._footer, self._dialect, self._contracted, self.value)
        return Stream(
            self.schema,
            self._batches(footer),
            self._file,
            footer=lambda: footer.left_out,
            notes=lambda: self._header.notes + footer.notes,
        )

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema."""
        import pyarrow as pa

        return stream_schema({name: pa.string() for name in self.columns})

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` if text cannot express the type."""
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        return from_text(text, made, column.type, column.spelling(self._written))

    def _batches(self, footer: Footer) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch has either readable or unreadable ones."""
        for block in without_footer(self._blocks(), footer, str(self._file.path)):
            yield from to_batches(self.schema, block.values, block.places, block.records.bad)

    def _blocks(self) -> Iterator[Block]:
        offset, row = self._header.begin, 1
        rest, final = b"", False
        with open_text(self._file, self._encoding) as stream:
            stream.seek(offset)
            while not final:
                read = stream.read(self._block)
                final = not read
                block = rest + read
                yield (found := Block(block, offset, row, *self._judged(block, *self._read(block, final=final))))
                rest = block[found.records.consumed :]
                offset += found.records.consumed
                row += len(found.records.starts)

    def _judged(self, block: bytes, records: Records, values: pa.Table) -> tuple[Records, pa.Table]:
        """Refuse the records that repeat the header, have values in fields without a name, or another encoding."""
        import pyarrow as pa

        faults = {**nameless_faults(values, len(self.columns)), **header_faults(values, self._repeated)}
        values = values.select(range(len(self.columns)))
        encoded = encoding_faults(block, records, self._dialect.encoding)
        if not faults and not encoded:
            return records, values
        readable = [number for number in range(len(records.starts)) if number not in records.bad]
        bad = {**encoded, **{readable[number]: fault for number, fault in faults.items()}, **records.bad}
        kept = pa.array([number not in bad for number in readable], pa.bool_())
        return replace(records, bad=bad), values.filter(kept)

    def _read(self, block: bytes, *, final: bool) -> tuple[Records, pa.Table]:
        """Return the records at the beginning of a block, and the values of those that can be read."""
        records = scan(block, self._dialect, final=final)
        if records is not None and (records.consumed or len(block) <= self._dialect.longest):
            values = self._parse(memoryview(block)[: records.consumed])
            if values is not None and values.num_rows == len(records.starts):
                return records, values
        records = split(block, self._dialect, final=final)
        if not records.consumed and len(block) > self._dialect.longest:
            raise SourceError(
                str(self._file.path),
                f"a line is longer than {self._dialect.longest:,} bytes.",
                "Check that it is a CSV file, and which line endings it was written with.",
            )
        values = self._parse(_readable(block, records))
        if values is None or values.num_rows != len(records.starts) - len(records.bad):
            raise SourceError(
                str(self._file.path),
                "two ways of reading it found different records; nothing was written.",
                "This is an error in Lagoa: report it with the file.",
            )
        return records, values

    def _parse(self, text: bytes | memoryview) -> pa.Table | None:
        """Return the values of whole records, as text, or None if one of them is bad."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        dialect = self._dialect
        try:
            if dialect.encoding != _UTF8:
                text = str(text, dialect.encoding).encode()
            if dialect.escape:
                text = dialect.with_plain_escapes(bytes(text))
            if not text:
                return pa.table({name: pa.array([], pa.string()) for name in self._fields})
            guarded = text[: len(BOM)] == BOM  # the parser would drop it, but here it is text
            found = arrow_csv.read_csv(
                pa.BufferReader(b"\n" + bytes(text) if guarded else text),
                arrow_csv.ReadOptions(
                    column_names=self._fields, use_threads=False, block_size=len(text) + 1, skip_rows=int(guarded)
                ),
                arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter.decode(),
                    quote_char=dialect.quote.decode() if dialect.quote else False,
                    double_quote=dialect.escape is None,
                    escape_char=dialect.escape.decode() if dialect.escape else False,
                    newlines_in_values=True,
                    ignore_empty_lines=not dialect.keeps_empty_lines,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(self._fields, pa.string()),
                    null_values=self._nulls,
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        own = [without(found[name], self._own_nulls.get(name, ())) for name in found.column_names]
        return pa.table(own, found.column_names)


def _readable(block: bytes, records: Records) -> bytes:
    """Return the bytes of the good records; a final CR becomes CRLF, lest it combine with a following LF."""
    parts = []
    for index, (start, stop) in enumerate(zip(records.starts.tolist(), records.stops.tolist(), strict=True)):
        if index not in records.bad:
            part = block[start:stop]
            parts.append(part + b"\n" if part.endswith(b"\r") else part)
    return b"".join(parts)
