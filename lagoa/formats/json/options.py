"""What `lagoa.source` may say about JSON files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from lagoa.formats.shared.options import TextSource

if TYPE_CHECKING:
    from collections.abc import Iterator


class JsonSource(TextSource):
    """The form of JSON files.

    Attributes:
        format: `json` (one array of objects, or one object) or `jsonl` (one object per line).
        records: the keys that lead to the list of records in a document of one object, with points between them; None
            if the document is that list, or one record.
        headerRecord: whether the first record has titles instead of values.
    """

    files: ClassVar[str] = "JSON"

    format: Literal["json", "jsonl"]
    records: Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")] | None = None
    headerRecord: bool = False  # noqa: N815 - the name in contracts

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to the list of records; empty if the document is that list."""
        return tuple(self.records.split(".")) if self.records else ()

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """Yield errors beyond the types of single options; see `Source.faults`."""
        yield from super().faults()
        if self.records and self.format == "jsonl":
            advice = "Write format: json if a file is one document, or leave `records` out."
            yield "records", "a file of JSON lines has one record on each line, not a list of them.", advice
