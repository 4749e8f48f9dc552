"""Successive records of a CSV file with their values: which of them are no data, and which repeat the header."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from lagoa.formats.csv.footer import Footer
    from lagoa.formats.csv.records import Records

_UTF8 = "utf-8"
UTF8_LETTERS = re.compile(rb"[\xc2-\xc5][\x80-\xbf]|\xe2[\x80\x82\x84][\x80-\xbf]")
_MARK = "\ufeff"
_HEADER = Fault("header", "the header again")
_REORDERED = Fault("header", "the header again, with its columns in another order")
_SURE = 3
"""Names in another order that are no values by chance."""

_NAMELESS = Fault("fields", "a value in the last column, which has no name in the header")


@dataclass(frozen=True)
class Block:
    """Successive records.

    Attributes:
        text: the bytes that contain them.
        offset: where `text` begins in the file.
        row: the number of the first record.
        records: where each is in `text`, and which of them cannot be read.
        values: of those that can be read.
    """

    text: bytes
    offset: int
    row: int
    records: Records
    values: pa.Table

    @property
    def places(self) -> list[pa.Array]:
        """Number, offset and bytes of each record; the bytes are not copied from the text, where possible."""
        import numpy as np
        import pyarrow as pa

        starts, stops = self.records.starts, self.records.stops
        if np.array_equal(starts[1:], stops[:-1]):
            edges = np.append(starts, stops[-1:]).astype(np.int32)
            raw = pa.Array.from_buffers(pa.binary(), len(starts), [None, pa.py_buffer(edges), pa.py_buffer(self.text)])
        else:
            pairs = zip(starts.tolist(), stops.tolist(), strict=True)
            raw = pa.array([self.text[start:stop] for start, stop in pairs], pa.binary())
        return [pa.array(np.arange(self.row, self.row + len(starts))), pa.array(starts + self.offset), raw]

    def first(self, count: int) -> Block:
        """Return the first so many records."""
        bad = {number: fault for number, fault in self.records.bad.items() if number < count}
        records = replace(self.records, starts=self.records.starts[:count], stops=self.records.stops[:count], bad=bad)
        return replace(self, records=records, values=self.values.slice(0, len(records.starts) - len(bad)))

    def raw(self, number: int) -> bytes:
        """Return the bytes of one record by its index."""
        return self.text[self.records.starts[number] : self.records.stops[number]]

    def only(self, number: int, fault: Fault) -> Block:
        """Return one record by its index, refused."""
        starts, stops = self.records.starts[number : number + 1], self.records.stops[number : number + 1]
        records = replace(self.records, starts=starts, stops=stops, bad={0: fault})
        return replace(self, row=self.row + number, records=records, values=self.values.slice(0, 0))

    @property
    def lacking(self) -> set[int]:
        """The places of columns in which some record has no value."""
        return {place for place, column in enumerate(self.values.columns) if column.null_count}


def without_footer(blocks: Iterable[Block], footer: Footer, file: str) -> Iterator[Block]:
    """Yield the records except those of the footer, which are held back until the end of the file is found.

    A record that the footer would leave out, and that may be data, is refused.

    Raises:
        SourceError: there are fewer records.
    """
    if not footer.count:
        for block in blocks:
            footer.see(block.values)
            yield block
        return
    held: deque[Block] = deque()
    count, lacking = 0, set[int]()
    for block in blocks:
        held.append(block)
        count += len(block.records.starts)
        while count - len(held[0].records.starts) >= footer.count:
            count -= len(held[0].records.starts)
            lacking |= held[0].lacking
            footer.see(held[0].values)
            yield held.popleft()
    if count < footer.count:
        message = f"it has {count} records, and by `footer: {footer.count}` the last {footer.count} are no data."
        raise SourceError(file, message, "Check `footer` in `lagoa.source` of the contract, and what wrote the file.")
    for block in held:
        kept = min(len(block.records.starts), count - footer.count)
        count -= kept
        yield (data := block.first(kept))
        footer.see(data.values)
        lacking |= data.lacking
        yield from _doubtful(block, kept, footer, lacking)


def _doubtful(block: Block, first: int, footer: Footer, lacking: set[int]) -> Iterator[Block]:
    """Yield the records from one on that must not be left out, each refused; count those that may."""
    for number in range(first, len(block.records.starts)):
        fault = block.records.bad.get(number)
        if fault is None:
            values = block.first(number + 1).values.slice(len(block.first(number).values))
            fault = footer.fault(values, set(range(values.num_columns)) - lacking)
        elif footer.has_other_fields(block.raw(number)):
            fault = None
        if fault:
            yield block.only(number, fault)
        else:
            footer.left_out += 1


def encoding_faults(text: bytes, records: Records, encoding: str) -> dict[int, Fault]:
    """Return the faults of records in UTF-8 among those of a single-byte encoding, by their index in `records`.

    Any byte is a character there, so `São` in UTF-8 would become `SÃ£o`. The bytes of the letters and signs of European
    languages in UTF-8 are no words of them in these encodings.
    """
    import numpy as np

    if encoding == _UTF8 or text.isascii():
        return {}
    places = [match.start() for match in UTF8_LETTERS.finditer(text)]
    numbers = set((np.searchsorted(records.starts, places, "right") - 1).tolist())
    fault = Fault("encoding", f"its text is UTF-8, not {encoding}")
    pairs = {number: text[records.starts[number] : records.stops[number]] for number in numbers if number >= 0}
    return {number: fault for number, record in pairs.items() if is_utf8(record)}


def is_utf8(text: bytes) -> bool:
    """Return whether a text has letters of European languages in UTF-8, and nothing else beyond ASCII."""
    return not text.isascii() and UTF8_LETTERS.sub(b"", text).isascii()


def header_faults(values: pa.Table, names: Sequence[str | None]) -> dict[int, Fault]:
    """Return the faults of records that are the header again, in any order, by their index.

    Args:
        values: the records.
        names: the header as a record would have it: null for a name that is a word for null.
    """
    import pyarrow as pa
    from pyarrow import compute

    known = [name for name in names if name is not None]
    # Files with a byte order mark each may have been put together. A null is one of the names if one of them is.
    written = pa.array(
        [*known, *(f"{_MARK}{name}" for name in known[:1]), *([None] if None in names else [])], pa.string()
    )
    found = None
    for column in values.columns[: len(names)]:
        same = compute.is_in(column, written)
        found = same if found is None else compute.and_(found, same)
        if not compute.any(found).as_py():
            return {}
    faults = {}
    for place in _places(found):
        record = [column[place].as_py() for column in values.columns[: len(names)]]
        record[0] = record[0] and record[0].removeprefix(_MARK)
        if record == list(names):
            faults[place] = _HEADER
        elif len(names) >= _SURE and sorted(record, key=str) == sorted(names, key=str):
            faults[place] = _REORDERED
    return faults


def nameless_faults(values: pa.Table, named: int) -> dict[int, Fault]:
    """Return the faults of records with a value behind the first `named` fields, by their index."""
    from pyarrow import compute

    faults: dict[int, Fault] = {}
    for column in values.columns[named:]:
        given = compute.fill_null(compute.not_equal(compute.utf8_trim_whitespace(column), ""), False)
        faults |= dict.fromkeys(_places(given), _NAMELESS)
    return faults


def _places(marks: pa.ChunkedArray) -> list[int]:
    """Return where an array is true."""
    import numpy as np

    return [int(place) for place in np.flatnonzero(marks.to_numpy())]
