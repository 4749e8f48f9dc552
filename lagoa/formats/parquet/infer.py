"""Reads the columns from a Parquet file's footer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.parquet.options import ParquetSource
from lagoa.formats.shared.arrow_guesses import guess_fields

if TYPE_CHECKING:
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Guess


def infer_parquet(file: SourceFile) -> tuple[ParquetSource, list[Guess]]:
    """Return the form of a Parquet file and its columns.

    Raises:
        SourceError: it cannot be read, has a name twice, or has a type that Iceberg does not have.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        fields = list(parquet.read_schema(file.path))
        [field.name for field in fields]  # decodes them
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise file.unreadable(error) from error
    return ParquetSource(format="parquet", file=file.name), guess_fields(file, fields)
