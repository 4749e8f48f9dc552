"""What `lagoa.source` may say about XML files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from lagoa.contracts.sources import DecimalMark, Spelling, ThousandsMark
from lagoa.formats.shared.options import TextSource
from lagoa.formats.xml.paths import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class XmlSource(TextSource):
    """The form of XML files.

    Attributes:
        format: `xml`.
        record: the path from the root to the elements that are records, such as `orders/order`.
        namespaces: prefixes that this contract uses in paths, and the namespace of each.
        decimal: the decimal mark of numbers.
        thousands: the mark between thousands of numbers; empty if there is none.
    """

    files: ClassVar[str] = "XML"

    format: Literal["xml"]
    record: Annotated[str, Field(min_length=1)]
    namespaces: dict[str, str] = Field(default={})
    decimal: DecimalMark = "."
    thousands: ThousandsMark = ""

    @property
    def spelling(self) -> Spelling:
        """How values are written."""
        return Spelling(self.decimal, self.dates, self.thousands)

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield errors beyond the types of single options; see `Source.faults`."""
        yield from super().faults()
        try:
            steps = steps_of(self.record, self.namespaces)
        except ValueError as error:
            advice = "Write the names from the root to the record: orders/order, p:orders/p:order or {uri}orders/order."
            yield "record", f"{error}.", advice
            return
        if any(step.startswith("@") for step in steps):
            yield "record", "a record is an element, not an attribute.", "Leave out the step with @."
