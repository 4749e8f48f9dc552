"""Finds where the records of CSV bytes begin and end, and which of them cannot be read.

Two functions give the same answer. `scan` examines a whole block at once with numpy and answers only if its quoting is
beyond doubt; `split` goes through a block record by record and reports what is wrong with each bad one.

What a record is (RFC 4180): fields between delimiters, ended by LF, CRLF, CR or the end of the file. A field is quoted
from its first to its last byte, with quotes within it doubled; or it has no quote at all. An empty line is not a
record, unless records have one field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from lagoa.formats.csv.dialect import Dialect

_LF, _CR = 10, 13
_AFTER = Fault("quoting", "text after a closing quote")
_STRAY = Fault("quoting", "a quote inside an unquoted field")
_OPEN = Fault("quoting", "a quote or an escape that is not closed")
_NUL = Fault("nul", "a NUL byte")


@dataclass(frozen=True)
class Records:
    """The records at the beginning of a block, in the order of the file.

    Attributes:
        starts: where each begins, in bytes from the start of the block.
        stops: where each ends, its line ending included.
        bad: those that cannot be read, by their index in `starts`.
        consumed: bytes of these records; the rest needs more input.
    """

    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    bad: dict[int, Fault]
    consumed: int


def scan(block: bytes, dialect: Dialect, *, final: bool) -> Records | None:
    """Return the records of a block that begins with one, or None if its quoting needs a closer look.

    `final` means that the file ends with the block. The number of fields and the encoding are not checked.
    """
    import numpy as np

    if dialect.escape or b"\0" in block:
        return None
    data = np.frombuffer(block, np.uint8)
    quotes = _quotes(data, dialect)
    if quotes is None:
        return None
    ends = _line_ends(data, block, final=final)
    if quotes.size:
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if final and data.size and (not ends.size or ends[-1] != data.size - 1):
        if quotes.size % 2:
            return None
        ends = np.append(ends, data.size)
    stops = np.minimum(ends + 1, data.size)
    starts = np.concatenate((np.zeros(min(1, ends.size), np.int64), stops[:-1]))
    consumed = int(stops[-1]) if stops.size else 0
    if not dialect.keeps_empty_lines:
        length = ends - starts
        empty = (length == 0) | ((length == 1) & (data[np.minimum(starts, data.size - 1)] == _CR))
        if empty.any():
            starts, stops = starts[~empty], stops[~empty]
    return Records(starts, stops, {}, consumed)


def _quotes(data: npt.NDArray[np.uint8], dialect: Dialect) -> npt.NDArray[np.int64] | None:
    """Return the positions of the quotes, or None if one is where the format allows none.

    By counting: a quote with an even number before it opens a field (or is the second of a doubled one), so a
    delimiter, a line ending or a quote comes before it; one with an odd number before it closes (or doubles) and is
    followed by one of those. If that holds for all, "an even number of quotes before it" means "outside quotes".
    """
    import numpy as np

    if dialect.quote is None:
        return np.empty(0, np.int64)
    quotes = np.flatnonzero(data == dialect.quote[0])
    if not quotes.size:
        return quotes
    allowed = np.zeros(256, bool)
    allowed[[dialect.delimiter[0], dialect.quote[0], _LF, _CR]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < data.size - 1] + 1]
    return quotes if bool(allowed[before].all() and allowed[after].all()) else None


def _line_ends(data: npt.NDArray[np.uint8], block: bytes, *, final: bool) -> npt.NDArray[np.int64]:
    """Return the last byte of every line ending; a CR at the very end may be half of a CRLF, so it needs more input."""
    import numpy as np

    if b"\r" not in block:
        return np.flatnonzero(data == _LF)
    follower = np.append(data[1:], 0 if final else _LF)
    return np.flatnonzero((data == _LF) | ((data == _CR) & (follower != _LF)))


def split(block: bytes, dialect: Dialect, *, final: bool) -> Records:
    """Return the records of a block that begins with one, good and bad.

    A record with broken quoting makes the lines from its first to the one in which that shows unreadable. Each line
    counts as one bad record, since the number of records in them is unknown. The same goes for all lines of a quote
    that stays open for the dialect's `longest` or to the end of the file.
    """
    import numpy as np

    text = block
    if final and block and not block.endswith((b"\n", b"\r")):
        text = block + b"\n"
    elif not final and block.endswith(b"\r"):
        text = block[:-1]  # it may be half of a CRLF
    starts: list[int] = []
    stops: list[int] = []
    bad: dict[int, Fault] = {}
    consumed = 0
    for start, stop, fault in _pieces(text, dialect, final=final):
        consumed = min(stop, len(block))
        if fault is None and text[start] in b"\r\n" and not dialect.keeps_empty_lines:
            continue
        if fault is not None:
            bad[len(starts)] = fault
        starts.append(start)
        stops.append(consumed)
    return Records(np.array(starts, np.int64), np.array(stops, np.int64), bad, consumed)


def _pieces(text: bytes, dialect: Dialect, *, final: bool) -> Iterator[tuple[int, int, Fault | None]]:
    """Yield (start, stop, fault) for all of `text`, without a gap, up to a record that may continue after it."""
    grammar = dialect.grammar
    place = 0
    while place < len(text):
        match = grammar.readable.match(text, place)
        if match:
            yield place, match.end(), _content_fault(match[0], dialect)
            place = match.end()
            continue
        match = grammar.whole.match(text, place)
        if match:
            empty = text[place] in b"\r\n"
            yield place, match.end(), None if empty else _fields_fault(match[0], dialect)
            place = match.end()
            continue
        stop, fault = _broken(text, place, dialect, final=final)
        if stop == place:
            return
        for line in grammar.line.finditer(text, place, stop):
            yield line.start(), line.end(), fault
        place = stop


def _broken(text: bytes, place: int, dialect: Dialect, *, final: bool) -> tuple[int, Fault]:
    """Return the end of the lines that a record with broken quoting makes unreadable, or `place` if more is needed."""
    grammar = dialect.grammar
    at = _end(grammar.sound, text, place)
    opened = grammar.opened.match(text, at) if grammar.opened else None
    if opened is None:
        at = _end(grammar.plain, text, at)
        fault = _STRAY if at < len(text) else _OPEN
    else:
        at = opened.end() + 1
        fault = _AFTER if at <= len(text) else _OPEN
    line = grammar.line.search(text, at) if at < len(text) else None
    if line is not None:
        return line.end(), fault
    if final:
        return len(text), fault
    if len(text) - place < dialect.longest:
        return place, fault
    return max(text.rfind(b"\n", place), text.rfind(b"\r", place), place - 1) + 1, fault


def _end(pattern: re.Pattern[bytes], text: bytes, place: int) -> int:
    """Return where the match of a pattern ends that can also match nothing."""
    match = pattern.match(text, place)
    return match.end() if match else place


def _content_fault(record: bytes, dialect: Dialect) -> Fault | None:
    """Return what is wrong with the text of a record whose form is right."""
    if b"\0" in record:
        return _NUL
    try:
        record.decode(dialect.encoding)
    except UnicodeDecodeError as error:
        return Fault("encoding", f"byte {error.start + 1} is not {dialect.encoding}")
    return None


def _fields_fault(record: bytes, dialect: Dialect) -> Fault:
    fields = dialect.grammar.fields(record)
    extra = fields == dialect.fields + 1 and record.rstrip(b"\r\n").endswith(dialect.delimiter)
    more = "; it ends in a delimiter" if extra else ""
    return Fault("fields", f"{fields} {'field' if fields == 1 else 'fields'}, {dialect.fields} expected{more}")
