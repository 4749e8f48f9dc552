"""What `lagoa.source` may say about CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from lagoa.contracts.sources import DecimalMark, Spelling, ThousandsMark
from lagoa.formats.shared.options import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterator

Character = Annotated[str, Field(min_length=1, max_length=1)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class CsvSource(TextSource):
    """The form of CSV files.

    Attributes:
        format: `csv`.
        delimiter: between fields.
        quote: around fields; None if quotes have no meaning.
        escape: before a quote inside quotes; None if a quote is doubled instead.
        skip: lines before the header, or before the first record if there is no header.
        header: whether the first record names the columns; otherwise they are in the contract's order, or in the order
            of a list of their names in files. `undecided` if a person has to say it first.
        footer: records at the end that are no data, such as totals and notes: they are left out and counted.
        null: an unquoted or quoted field with exactly this text is null.
        nulls: further texts that are null, such as `NA`, except in columns that have their own.
        decimal: the decimal mark of numbers.
        thousands: the mark between thousands of numbers; empty if there is none.
    """

    files: ClassVar[str] = "CSV"

    format: Literal["csv"]
    delimiter: Character = ","
    quote: Character | None = '"'
    escape: Character | None = None
    skip: Count = 0
    header: bool | Literal["undecided"] | Annotated[list[str], Field(min_length=1)] = True
    footer: Count = 0
    null: str = ""
    nulls: list[str] = Field(default=[])
    decimal: DecimalMark = "."
    thousands: ThousandsMark = ""

    @property
    def null_texts(self) -> tuple[str, ...]:
        """The texts that are null; null is written as the first."""
        return (self.null, *self.nulls)

    @property
    def spelling(self) -> Spelling:
        """How values are written."""
        return Spelling(self.decimal, self.dates, self.thousands)

    @property
    def field_names(self) -> tuple[str, ...] | None:
        """The names of the fields of a record, if `header` is a list."""
        return tuple(self.header) if isinstance(self.header, list) else None

    def undecided(self) -> Iterator[tuple[str, str, str]]:
        """Yield that somebody has to decide whether files have a header."""
        if self.header == "undecided":
            message = "nobody has decided yet whether the first line of a file is its header or a record."
            advice = (
                "Write `header: true`, `header: false` for the contract's order, or a list of the names in the file."
            )
            yield "header", message, advice

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield what cannot be used, such as a dialect whose characters do not differ."""
        yield from super().faults()
        if self.delimiter in {self.quote, self.escape, "\n", "\r"} or self.quote in {"\n", "\r"}:
            yield "delimiter", "delimiter, quote and line end must be different characters.", "Fix the dialect."
