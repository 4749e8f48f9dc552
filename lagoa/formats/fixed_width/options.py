"""What `lagoa.source` may say about files of fixed widths."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from lagoa.contracts.sources import DecimalMark, Spelling, ThousandsMark
from lagoa.formats.shared.options import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 1_000_000
Place = Annotated[int, Field(ge=1, le=_MOST)]
Prefix = Annotated[str, Field(min_length=1)]


class FixedField(BaseModel):
    """Where a field is in a line.

    Attributes:
        start: its first character, from 1.
        length: its characters.
        places: how many of its digits are behind a decimal mark that is not written, as `V99` says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Place
    length: Place
    places: Annotated[int, Field(ge=0, le=38)] = 0

    @property
    def stop(self) -> int:
        """Its last character, from 1."""
        return self.start + self.length - 1


class Trailer(BaseModel):
    """The last line of a file, which is no data.

    Attributes:
        prefix: what it begins with.
        count: where it says how many there are.
        counts: of what: `lines` of the file, with this one and a header, or `records`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: Prefix
    count: FixedField | None = None
    counts: Literal["lines", "records"] = "lines"


class FixedSource(TextSource):
    """The form of files of fixed widths.

    Attributes:
        format: `fixed_width`.
        columns: where each column is, by its name in files.
        length: characters of a line, without its end; None if the last field ends the line.
        prefix: what records begin with; None if every line is one, apart from header and trailer.
        header: what the first line begins with, if that is no record.
        trailer: the last line, if that is no record.
        decimal: the decimal mark of numbers that have one.
        thousands: the mark between thousands of numbers; empty if there is none.
    """

    files: ClassVar[str] = "fixed-width"

    format: Literal["fixed_width"]
    columns: Annotated[dict[str, FixedField], Field(min_length=1)]
    length: Place | None = None
    prefix: Prefix | None = None
    header: Prefix | None = None
    trailer: Trailer | None = None
    decimal: DecimalMark = "."
    thousands: ThousandsMark = ""

    @property
    def spelling(self) -> Spelling:
        """How values are written."""
        return Spelling(self.decimal, self.dates, self.thousands)

    @property
    def width(self) -> int:
        """The characters of a line, without its end."""
        return self.length or max(column.stop for column in self.columns.values())

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield fields that overlap or do not fit into a line; see `Source.faults`."""
        yield from super().faults()
        for (one, before), (other, after) in pairwise(sorted(self.columns.items(), key=lambda each: each[1].start)):
            if after.start <= before.stop:
                message = f"{one!r} is at {before.start} to {before.stop}, and {other!r} begins at {after.start}."
                yield "columns", message, "Correct start and length: fields have no characters in common."
        for name, field in self.columns.items():
            if field.stop > self.width:
                message = f"{name!r} ends at {field.stop}, and a line has {self.width} characters."
                yield "length", message, "Correct the field, or the length."
            if field.places > field.length:
                message = f"{name!r} has {field.places} places in {field.length} characters."
                yield "columns", message, "Correct `places`."
        if self.trailer and self.trailer.count and self.trailer.count.stop > self.width:
            yield "trailer", f"its count is behind the {self.width} characters of a line.", "Correct start and length."
