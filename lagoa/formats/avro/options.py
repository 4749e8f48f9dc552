"""What `lagoa.source` may say about Avro files."""

from __future__ import annotations

from typing import ClassVar, Literal

from lagoa.contracts.sources import Source


class AvroSource(Source):
    """The form of Avro files, which describe their own columns.

    Attributes:
        format: `avro`.
    """

    files: ClassVar[str] = "Avro"

    format: Literal["avro"]
