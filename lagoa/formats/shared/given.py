"""What somebody says about a file before its form is guessed, and what the guessing has to say in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.contracts.sources import DateForm, DecimalMark, ThousandsMark


@dataclass(frozen=True, slots=True)
class Given:
    """What is known about a file; all else is guessed under it.

    Attributes:
        header: whether its first record names the columns; None if that is to be found out.
        names: of its columns, if no record has them.
        skip: lines before the header, or before the first record.
        footer: records after the table.
        nulls: words for null, by the name of the column in the file; `*` for all columns.
        decimal: the decimal mark.
        thousands: the mark between thousands.
        delimiter: between fields.
        encoding: of the text.
        date: how dates are written.
        records: the path to the list of records inside a JSON document.
        sheet: the sheet of a workbook.
        range: where the table is in a sheet.
        member: name or pattern of the file to read in a zip file with several.
    """

    header: bool | None = None
    names: tuple[str, ...] = ()
    skip: int | None = None
    footer: int | None = None
    nulls: tuple[tuple[str, str], ...] = ()
    decimal: DecimalMark | None = None
    thousands: ThousandsMark | None = None
    delimiter: str | None = None
    encoding: str | None = None
    date: DateForm | None = None
    records: str | None = None
    sheet: str | None = None
    range: str | None = None
    member: str | None = None


@dataclass(slots=True)
class Findings:
    """What was found out about a file.

    Attributes:
        notes: what a reviewer should know; `@17@` stands for the line of the record that begins at byte 17.
        tried: what was tried and why something was taken, one line each.
    """

    notes: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
