"""Finds the delimiter of a CSV file, its quotes, and the line in which its table begins.

The first line decides: a delimiter that divides it into as many fields as most records have. A few records that do
not fit, or a note in the last line, change nothing: such records are what the quarantine is for. Only if no delimiter
explains the first line, the table may begin after other lines, such as a title.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.formats.csv.first_record import is_period, is_value
from lagoa.formats.csv.sample import Marks, Record, fields_of, read_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DELIMITERS = (";", ",", "\t", "|")
"""What may separate fields, unless somebody says otherwise."""

RARE = ("^", "~", "#", "\x01", "\x1f")
"""What separates fields in a few files: only where nothing else does."""

_MOST = 0.5
_NEARLY = 0.9
_ENOUGH = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """What one dialect makes of the sample.

    Attributes:
        marks: the dialect.
        records: the records, those before the table too.
        start: the index of the record with which the table begins.
        fields: how many fields a record of the table has.
        fit: how many records have as many.
    """

    marks: Marks
    records: Sequence[Record]
    start: int
    fields: int
    fit: int

    @property
    def share(self) -> float:
        """The share of records that fit, of all in the sample."""
        return self.fit / len(self.records)

    def __str__(self) -> str:
        first = self.records[self.start].line
        seen = f"{self.fit:,} of {len(self.records):,} records have {self.fields} fields"
        return f"{self.marks}: {seen}, from line {first}"


def find_dialect(data: bytes, candidates: Sequence[Marks], *, headless: bool) -> tuple[Trial, list[Trial]]:
    """Return the dialect that explains a sample best, and all that were tried.

    Args:
        data: the sample in UTF-8, whole lines.
        candidates: the dialects that come into question.
        headless: whether it is known that the table has no header.

    Raises:
        ValueError: most records have other fields than the first line, and none of them begins a table.
    """
    trials = [_trial(data, marks) for marks in candidates]
    return _best(data, trials, headless=headless), trials


def _best(data: bytes, trials: Sequence[Trial], *, headless: bool) -> Trial:
    from_first = [each for each in trials if each.start == 0 and each.fields > 1 and each.share >= _MOST]
    later = [each for each in trials if each.start and each.fields > 1 and (headless or _begins(each))]
    found = from_first or later
    if not found:
        _check_one_column(trials)
        return _one_column(data, trials)
    best = max(each.share for each in found)
    # `max` keeps the first of equals: the double quote, which is the usual one, is tried first.
    return max(
        (each for each in found if each.share >= best * _NEARLY),
        key=lambda each: (each.fields if each.marks.quote else 0, each.fit, -each.start),
    )


def _check_one_column(trials: Sequence[Trial]) -> None:
    """Raise `ValueError` if most records have several fields, which the first line does not explain."""
    for trial in trials:
        fields, first = trial.fields, trial.records[0].fields
        prose = trial.marks.delimiter == "," and fields == 2  # noqa: PLR2004 - a comma may be part of numbers and names
        if trial.start and fields > 1 and trial.share >= _MOST and not (prose and first == 1):
            begin = trial.records[trial.start].line
            message = f"line {trial.records[0].line} has {first} fields, and most records have {fields} with the "
            raise ValueError(f"{message}{trial.marks}, from line {begin}: which line has the names cannot be seen")


def _one_column(data: bytes, trials: Sequence[Trial]) -> Trial:
    """Return the dialect of lines with one field: with a delimiter that is in none of them, if possible."""
    usable = (each for each in (",", *DELIMITERS) if each.encode() not in data and _quotes_are_sound(data, each))
    unused = next(usable, None)
    fewest = min(trials, key=lambda each: (sum(record.fields != 1 for record in each.records), -each.fit), default=None)
    marks = Marks(unused) if unused else fewest.marks if fewest else Marks(",")
    records = read_records(data, marks)
    first = records[0].fields or 1
    return Trial(marks, records, 0, first, sum(record.fields == first for record in records))


def _quotes_are_sound(data: bytes, delimiter: str) -> bool:
    return all(record.fields for record in read_records(data, Marks(delimiter)))


def candidates(data: bytes, delimiters: Sequence[str]) -> Iterator[Marks]:
    """Yield the dialects that come into question for a sample: quotes are tried only as they occur in it."""
    text = data.decode("utf-8", "replace")
    for delimiter in delimiters:
        if delimiter not in text:
            continue
        yield Marks(delimiter)
        mark = re.escape(delimiter)
        if '\\"' in text:
            yield Marks(delimiter, '"', "\\")
        if re.search(rf"(^|{mark})'[^'\n]*'({mark}|\r?$)", text, re.MULTILINE):
            yield Marks(delimiter, "'")
        if '"' in text and not re.search(rf'(^|{mark})"[^"\n]*"({mark}|\r?$)', text, re.MULTILINE):
            yield Marks(delimiter, None)


def _trial(data: bytes, marks: Marks) -> Trial:
    records = read_records(data, marks)
    first = records[0].fields
    fit = sum(_fits(record, records[0], marks) for record in records)
    if first > 1 and fit >= len(records) * _MOST:
        return Trial(marks, records, 0, first, fit)
    counts = Counter(record.fields for record in records if record.fields).most_common(1)
    usual = counts[0][0] if counts else 0
    start = next((index for index, record in enumerate(records) if record.fields == usual), 0)
    return Trial(marks, records, start, usual, sum(record.fields == usual for record in records[start:]))


def _fits(record: Record, header: Record, marks: Marks) -> bool:
    """Return whether a record has as many fields as the header, apart from a last one that is empty."""
    longer, shorter = (record, header) if record.fields > header.fields else (header, record)
    apart = longer.fields - shorter.fields
    return apart == 0 or (apart == 1 and shorter.fields > 0 and longer.text.endswith(marks.delimiter.encode()))


def _begins(trial: Trial) -> bool:
    """Return whether a table that begins after other lines begins with names, above values that are none."""
    header = fields_of(trial.records[trial.start], trial.marks)
    below = trial.records[trial.start + 1 :][:_ENOUGH]
    rows = [fields_of(each, trial.marks) for each in below if each.fields == trial.fields]
    names = [name for name in header if name]
    values = [name for name in names if is_value(name) and not is_period(name)]
    told = any(rows and all(is_value(row[place]) for row in rows if row[place]) for place in range(len(header)))
    return len(names) >= len(header) - 1 and not values and told
