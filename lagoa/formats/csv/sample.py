"""The first records of a CSV file by a trial dialect: their lines and fields, without a contract."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from lagoa.formats.csv.dialect import Dialect, fields_in
from lagoa.formats.csv.records import split


@dataclass(frozen=True, slots=True)
class Marks:
    """The characters that separate fields.

    Attributes:
        delimiter: between fields.
        quote: around fields; None if quotes have no meaning.
        escape: before a quote inside quotes; None if a quote is doubled instead.
    """

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The dialect of records with two fields: with one, an empty line would be a record."""
        return Dialect(self.delimiter.encode(), _ascii(self.quote), _ascii(self.escape), "utf-8", 2)

    def __str__(self) -> str:
        quote = f"quote {self.quote!r}" if self.quote else "without quotes"
        return f"delimiter {self.delimiter!r}, {quote}" + (f", escape {self.escape!r}" if self.escape else "")


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the sample.

    Attributes:
        line: the line that it begins in, from 1.
        text: its bytes in UTF-8, without the line ending.
        fields: how many it has; 0 if its quoting is broken.
    """

    line: int
    text: bytes
    fields: int


def read_records(data: bytes, marks: Marks) -> list[Record]:
    """Return the records of some bytes in UTF-8; empty lines are none."""
    dialect = marks.dialect
    found = split(data, dialect, final=True)
    grammar, records, line, end = dialect.grammar, [], 1, 0
    for index, (start, stop) in enumerate(zip(found.starts.tolist(), found.stops.tolist(), strict=True)):
        line += _line_ends(data[end:start])
        fault = found.bad.get(index)
        text = data[start:stop].rstrip(b"\r\n")
        broken = fault is not None and fault.rule == "quoting"
        records.append(Record(line, text, 0 if broken else grammar.fields(text)))
        line += _line_ends(data[start:stop])
        end = stop
    return records


def fields_of(record: Record, marks: Marks) -> list[str]:
    """Return the fields of a record with correct quoting.

    Raises:
        csv.Error: a field is too long.
    """
    return fields_in(record.text.decode("utf-8", "replace"), marks.dialect)


def rows_of(records: list[Record], marks: Marks, fields: int, cells: int = 60_000) -> list[list[str]]:
    """Return the values of the first records with a number of fields, at most about a number of cells."""
    chosen = [record for record in records if record.fields == fields][: max(20, cells // max(fields, 1))]
    try:
        return [fields_of(record, marks) for record in chosen]
    except csv.Error:
        return []


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _ascii(character: str | None) -> bytes | None:
    return character.encode() if character else None
