"""What `lagoa.source` may say of Parquet files."""

from __future__ import annotations

from typing import ClassVar, Literal

from lagoa.contracts.sources import Source


class ParquetSource(Source):
    """The form of Parquet files, which say themselves what they hold.

    Attributes:
        format: `parquet`.
    """

    files: ClassVar[str] = "Parquet"

    format: Literal["parquet"]
