"""What `lagoa.source` may say about CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from lagoa.contracts.sources import DecimalMark, Spelling, ThousandsMark
from lagoa.formats.shared.options import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterator

Character = Annotated[str, Field(min_length=1, max_length=1)]


class CsvSource(TextSource):
    """The form of CSV files.

    Attributes:
        format: `csv`.
        delimiter: between fields.
        quote: around fields; None if quotes have no meaning.
        escape: before a quote inside quotes; None if a quote is doubled instead.
        header: whether the first record names the columns; otherwise they are in the contract's order.
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
    header: bool = True
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

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield what cannot be used, such as a dialect whose characters do not differ."""
        yield from super().faults()
        if self.delimiter in {self.quote, self.escape, "\n", "\r"} or self.quote in {"\n", "\r"}:
            yield "delimiter", "delimiter, quote and line end must be different characters.", "Fix the dialect."
