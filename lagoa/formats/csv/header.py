"""Where the records of a CSV file begin, and the names of their fields: from its header, or from the contract."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.csv.dialect import fields_in, separator_line
from lagoa.formats.csv.records import split
from lagoa.formats.shared.columns import short
from lagoa.formats.shared.kinds import fixed_width
from lagoa.formats.shared.text_files import HEAD

if TYPE_CHECKING:
    from lagoa.contracts.contract import Contract
    from lagoa.formats.csv.dialect import Dialect
    from lagoa.formats.csv.options import CsvSource
    from lagoa.formats.shared.refused import Fault

_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n)")
_SOURCE = "in `lagoa.source` of the contract"
_DELIMITERS = (b",", b";", b"\t", b"|")
_LINES = 50
_NAMES = 20
_RECORDS = 100
_SAMPLE = 256 * 1024


@dataclass(frozen=True)
class Header:
    """The names of a record's fields.

    Attributes:
        names: the name of each field, in order.
        begin: where the first record begins, in bytes from the start of the file.
        nameless: how many of the last fields have no name; they must be empty.
    """

    names: tuple[str, ...]
    begin: int
    nameless: int

    @property
    def named(self) -> tuple[str, ...]:
        """The names without those of the last fields that have none."""
        return self.names[: len(self.names) - self.nameless]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about fields that are left out."""
        if not self.nameless:
            return ()
        several = f"the last {self.nameless} columns have no names and are left out"
        return ("the last column has no name and is left out" if self.nameless == 1 else several,)


@dataclass(frozen=True)
class Beginning:
    """The beginning of a CSV file.

    Attributes:
        head: its bytes; the whole file if there are fewer than `HEAD`.
        begin: where its text begins, after a byte order mark.
        source: the form that the contract gives.
        dialect: how the fields of a record are separated.
        file: its path, for messages.
    """

    head: bytes
    begin: int
    source: CsvSource
    dialect: Dialect
    file: str

    def header(self, contract: Contract) -> Header:
        """Return the names of the fields, and where the first record begins.

        Raises:
            SourceError: the header cannot be read, or nobody has decided whether there is one.
        """
        begin = self._behind_skipped()
        line = _LINE.match(self.head + b"\n", begin)
        first = line[0].decode(self.dialect.encoding, "replace").rstrip("\r\n") if line else ""
        for _, message, _ in self.source.undecided():
            advice = (
                f"The first line is {short(first)}. Write `header: true` {_SOURCE} if these are names, `header: false`"
            )
            raise SourceError(self.file, message, f"{advice} if they are values, or a list of the names of the fields.")
        known = {name for column in contract.columns for name in column.source_names}
        self._refuse_separator(first, known)
        names = self.source.field_names or tuple(column.source_name for column in contract.columns)
        if self.source.header is True:
            names, begin = self._read(begin, contract)
        elif self.source.header is False and len(names) > 1 and self._end_in_delimiter(begin, len(names) + 1):
            names = (*names, "")
        nameless = 0
        while nameless < len(names) - 1 and not (last := names[-1 - nameless]).strip() and last not in known:
            nameless += 1
        return Header(names, begin, nameless)

    def refuse_other_place(self, contract: Contract) -> None:
        """Refuse a file whose header does not fit the contract, if one of its first lines does.

        Raises:
            SourceError: with the line, and the delimiter if it is another one than the contract's.
        """
        known = {name: column.name for column in contract.columns for name in column.source_names}
        required = {column.name for column in contract.columns if column.required}
        fewest = min(2, len(contract.columns))
        lines = _LINE.finditer(self.head[: len(self.head) if len(self.head) < HEAD else _SAMPLE] + b"\n", self.begin)
        for number, line in enumerate(islice(lines, _LINES), 1):
            for delimiter in dict.fromkeys([self.dialect.delimiter, *_DELIMITERS]):
                names = _names_in(line[0], replace(self.dialect, delimiter=delimiter))
                found = [known[name] for name in names if name in known]
                if len(found) == len(names) == len(set(found)) >= fewest and required <= set(found):
                    raise self._other_place(number, delimiter.decode())

    def _other_place(self, line: int, delimiter: str) -> SourceError:
        options = [f"`skip: {line - 1}`"] if line != self.source.skip + 1 else []
        options += [f"`delimiter: {delimiter!r}`"] if delimiter != self.source.delimiter else []
        message = f"its line {line} has the columns of the contract, separated by {delimiter!r}"
        other = f", and the contract has the delimiter {self.source.delimiter!r}" * (delimiter != self.source.delimiter)
        other += f", and the contract has the header in line {self.source.skip + 1}" * (line != self.source.skip + 1)
        return SourceError(self.file, f"{message}{other}.", f"Write {' and '.join(options)} {_SOURCE}.")

    def check_records(self, header: Header) -> None:
        """Make sure that not every one of the first records has another number of fields than the header.

        A single such record is refused by itself; if they all are, the header or the dialect is wrong.

        Raises:
            SourceError: all of the first 100 records, of at least two, have another number of fields.
        """
        records, faults = self._first_records(header.begin)
        if len(records) < 2 or any(fault is None or fault.rule != "fields" for fault in faults):  # noqa: PLR2004
            return
        counts = Counter(map(self.dialect.grammar.fields, records))
        extra = counts.keys() == {len(header.names) + 1} and all(
            each.endswith(self.dialect.delimiter) for each in records
        )
        which = f"its first {_RECORDS} records" if len(records) == _RECORDS else f"its {len(records)} records"
        noun = "field" if counts.keys() == {1} else "fields"
        fields = " or ".join(f"{each:,}" for each in sorted(counts)[:4])
        message = f"{which} have {fields} {noun}, and the header has {len(header.names):,}"
        if extra:
            shown = ", ".join(map(short, header.names[:_NAMES])) + ", …" * (len(header.names) > _NAMES)
            skip = f"`skip: {self.source.skip + 1}` and " if self.source.header is True else ""
            raise SourceError(
                self.file,
                f"{message}: each record ends in {self.source.delimiter!r}, and the header does not.",
                f"Write {skip}`header: [{shown}, '']` {_SOURCE}: so the empty last field has no name.",
            )
        if header.nameless and counts.keys() == {len(header.named)}:
            raise SourceError(
                self.file,
                f"{message}: the header ends in {self.source.delimiter!r}, and the records do not.",
                f"Write `skip: {self.source.skip + 1}` and a list of the names as `header` {_SOURCE}.",
            )
        if width := fixed_width(self.head[header.begin :], self.source.delimiter):
            message = (
                f"its lines all have {width} characters and no {self.source.delimiter!r}: its fields have fixed widths"
            )
            raise SourceError(
                self.file, f"{message}.", "Write a contract with `format: fixed_width` and its `columns`."
            )
        raise SourceError(self.file, f"{message}.", f"Check delimiter, skip and header {_SOURCE}.")

    def _first_records(self, begin: int) -> tuple[list[bytes], list[Fault | None]]:
        """Return the first records from a place on, without line ends, and what is wrong with each."""
        text = self.head[begin : begin + _SAMPLE]
        found = split(text, self.dialect, final=begin + len(text) == len(self.head) < HEAD)
        edges = list(zip(found.starts.tolist(), found.stops.tolist(), strict=True))[:_RECORDS]
        records = [text[start:stop].rstrip(b"\r\n") for start, stop in edges]
        return records, [found.bad.get(number) for number in range(len(edges))]

    def _end_in_delimiter(self, begin: int, fields: int) -> bool:
        """Return whether the first records, at least two, have so many fields and end in a delimiter."""
        records = self._first_records(begin)[0]
        return len(records) > 1 and all(
            each.endswith(self.dialect.delimiter) and self.dialect.grammar.fields(each) == fields for each in records
        )

    def _behind_skipped(self) -> int:
        """Return where the text after the skipped lines begins."""
        begin = self.begin
        for number in range(self.source.skip):
            line = _LINE.match(self.head, begin)
            if line is None:
                message = (
                    f"it has {number + (begin < len(self.head))} lines, and the contract skips {self.source.skip}."
                )
                raise SourceError(self.file, message, f"Check `skip` {_SOURCE}, and what wrote the file.")
            begin = line.end()
        return begin

    def _refuse_separator(self, first: str, known: set[str]) -> None:
        mark = separator_line(first)
        if mark and first not in known:
            raise SourceError(
                self.file,
                f"its line {self.source.skip + 1} is {first!r}, with which Excel names the delimiter: it is no header.",
                f"Write `skip: {self.source.skip + 1}` and `delimiter: {mark!r}` {_SOURCE}.",
            )

    def _read(self, begin: int, contract: Contract) -> tuple[tuple[str, ...], int]:
        """Return the names in the first record, and where the next one begins."""
        text = self.head if len(self.head) >= HEAD or self.head.endswith((b"\n", b"\r")) else self.head + b"\n"
        match = self.dialect.grammar.whole.match(text, begin)
        try:
            names = fields_in(match[0].decode(self.dialect.encoding), self.dialect, strict=True) if match else []
        except (ValueError, csv.Error):
            names = []
        if match is None or not names:
            self.refuse_other_place(contract)
            raise self._unreadable(begin)
        return tuple(names), min(match.end(), len(self.head))

    def _unreadable(self, begin: int) -> SourceError:
        line_name = f"line {self.source.skip + 1}" if self.source.skip else "first line"
        line = _LINE.match(self.head + b"\n", begin)
        text = line[0].rstrip(b"\r\n") if line else b""
        message = f"its {line_name} is not a readable header"
        advice = "Check delimiter, quote, encoding, skip and header"
        if not text:
            message, advice = f"{message}: it is empty", "Check skip and header"
        try:
            text.decode(self.dialect.encoding)
        except UnicodeDecodeError as error:
            bad = f"byte {error.start + 1} is not {self.source.encoding}"
            message, advice = f"{message}: {bad}", "Write the file's `encoding`, such as cp1252 or latin-1,"
        return SourceError(self.file, f"{message}.", f"{advice} {_SOURCE}.")


def _names_in(line: bytes, dialect: Dialect) -> list[str]:
    """Return the fields of a line without those of the end that are empty; none if it cannot be read."""
    try:
        names = fields_in(line.decode(dialect.encoding), dialect, strict=True)
    except (ValueError, csv.Error):
        return []
    while names and not names[-1].strip():
        names.pop()
    return names
