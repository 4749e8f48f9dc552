"""What `lagoa.source` may say about Parquet files."""

from __future__ import annotations

from typing import ClassVar, Literal

from lagoa.contracts.sources import Source


class ParquetSource(Source):
    """The form of Parquet files, which describe their own columns.

    Attributes:
        format: `parquet`.
    """

    files: ClassVar[str] = "Parquet"

    format: Literal["parquet"]
