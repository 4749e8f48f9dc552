"""Reads lines of fixed widths block by block, once from front to back.

A line of another length is refused with its bytes. A trailer that is missing, or counts other lines than there are,
refuses the file: some of it was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.fixed_width.columns import FixedValues
from lagoa.formats.shared.files import BOM, READ_ERRORS, kind_of
from lagoa.formats.shared.stream import Stream, record_places, to_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.fixed_width.options import FixedSource
    from lagoa.formats.shared.files import SourceFile

BLOCK = 4 * 1024 * 1024
"""Bytes read at a time."""

MAX_RECORD = 64 * 1024 * 1024
"""Bytes of the longest line; the limit keeps memory bounded."""

_AGAIN = "Fetch it again; nothing was written."


class FixedReader(FixedValues):
    """A file of fixed widths whose columns are known."""

    scan = None

    def __init__(
        self,
        contract: Contract,
        source: FixedSource,
        file: SourceFile,
        *,
        block: int = BLOCK,
        longest: int = MAX_RECORD,
    ) -> None:
        """Read the beginning of the file.

        Args:
            contract: of the table that the file is loaded into.
            source: the form of its files.
            file: the file.
            block: bytes read at a time.
            longest: bytes of the longest line.

        Raises:
            SourceError: the file is empty or binary, or fields and columns do not match.
        """
        super().__init__(contract, source, str(file.path))
        self._file = file
        self._block = block
        self._longest = longest
        try:
            with file.open() as stream:
                head = stream.read(BLOCK)
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        if kind := kind_of(head):
            raise self._error(f"it is {kind[0]}, not a text of fixed widths.", kind[1])
        if not head.strip():
            raise self._error("it is empty.", "Check what wrote it.")
        self._begin = len(BOM) if head.startswith(BOM) and self._encoding == "utf-8" else 0

    def stream(self) -> Stream:
        """Return the records from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records; a batch has either readable or unreadable ones."""
        row = 1
        for records, offsets in self._records():
            values, bad = self.read(records)
            yield from to_batches(self.schema, values, record_places(row, records, offsets), bad)
            row += len(records)

    def _records(self) -> Iterator[tuple[list[bytes], list[int]]]:
        """Yield lines with where they begin, without header and trailer.

        Raises:
            SourceError: a line is too long, or header or trailer is missing or wrong.
        """
        source = self._source
        header, trailer = self._bytes(source.header), self._bytes(source.trailer.prefix if source.trailer else None)
        lines = found = 0
        last: bytes | None = None
        for block, offset in self._lines():
            records, offsets, place = [], [], offset
            for line in block:
                begin, place = place, place + len(line)
                lines += 1
                if lines == 1 and header is not None:
                    if not line.startswith(header):
                        raise self._error(f"its first line does not begin with {source.header!r}.", _AGAIN)
                    continue
                if last is not None:
                    raise self._error(f"it goes on behind its trailer, at byte {begin}.", _AGAIN)
                if trailer is not None and line.startswith(trailer):
                    last = line
                    continue
                records.append(line)
                offsets.append(begin)
            found += len(records)
            if records:
                yield records, offsets
        if trailer is not None:
            self._check_trailer(last, lines, found)

    def _check_trailer(self, last: bytes | None, lines: int, records: int) -> None:
        trailer = self._source.trailer
        if trailer is None:
            return
        if last is None:
            raise self._error(f"it is truncated: its last line does not begin with {trailer.prefix!r}.", _AGAIN)
        if trailer.count is None:
            return
        text = last.decode(self._encoding, "replace").rstrip("\r\n")[trailer.count.start - 1 : trailer.count.stop]
        there = lines if trailer.counts == "lines" else records
        said = text.strip()
        if not (said.isascii() and said.isdigit()):
            raise self._error(f"its trailer has {text!r} where it counts {trailer.counts}.", _AGAIN)
        if int(said) != there:
            raise self._error(f"its trailer counts {int(said):,} {trailer.counts}, and it has {there:,}.", _AGAIN)

    def _lines(self) -> Iterator[tuple[list[bytes], int]]:
        """Yield whole lines with their ends, some at a time, and where the first of them begins."""
        offset, rest = self._begin, b""
        with self._file.open() as stream:
            stream.seek(offset)
            while read := stream.read(max(self._block, len(rest))):  # doubled until a line ends
                whole, end, rest = (rest + read).rpartition(b"\n")
                if len(rest) > self._longest:
                    raise self._error(f"a line is longer than {self._longest:,} bytes.", "Check what wrote it.")
                if end:
                    yield _split(whole + end), offset
                    offset += len(whole) + 1
        if rest.strip(b"\x1a"):  # the end of a file of DOS
            yield [rest], offset

    def _bytes(self, prefix: str | None) -> bytes | None:
        return None if prefix is None else prefix.encode(self._encoding)

    def _error(self, message: str, advice: str) -> SourceError:
        return SourceError(str(self._file.path), message, advice)


def _split(block: bytes) -> list[bytes]:
    """Return the lines of a block that ends with one: only LF ends a line, a CR before it belongs to its end."""
    return [line + b"\n" for line in block.split(b"\n")[:-1]]
