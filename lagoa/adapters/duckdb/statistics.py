"""From a row of DuckDB's RETURN_STATS to an Iceberg manifest entry, without opening the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record
from pyiceberg.types import PrimitiveType

from lagoa.adapters.duckdb.types import bound, leaves, parse_value
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table.metadata import TableMetadata


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What RETURN_STATS says of one file, in its order.

    Attributes:
        path: the file's location.
        count: rows in it.
        size: in bytes.
        footer_size: of the Parquet footer, in bytes.
        columns: statistics of each leaf column as text, by its quoted path.
        partition: value of each partition column as text; None in a table without partitions.
    """

    path: str
    count: int
    size: int
    footer_size: int
    columns: Mapping[str, Mapping[str, str]]
    partition: Mapping[str, str | None] | None

    def nulls(self, column: str) -> int:
        """Return the number of nulls in a primitive column."""
        return int(self.columns[name_in_sql(column)]["null_count"])


def data_file(file: WrittenFile, table: TableMetadata, *, ordered: bool) -> DataFile:
    """Return the manifest entry of a file; `ordered` says that its rows follow the table's sort order."""
    sizes: dict[int, int] = {}
    values: dict[int, int] = {}
    nulls: dict[int, int] = {}
    nans: dict[int, int] = {}
    lower: dict[int, bytes] = {}
    upper: dict[int, bytes] = {}
    for name, (field, repeated) in leaves(table.schema()).items():
        found, kind = file.columns[name], field.field_type
        sizes[field.field_id] = int(found["column_size_bytes"])
        values[field.field_id] = int(found["num_values"])
        nulls[field.field_id] = int(found["null_count"])
        has_nan = found.get("has_nan")
        if has_nan == "false":
            nans[field.field_id] = 0
        # DuckDB sorts NaN above all, Iceberg's bounds leave it out: with one in the file there are no bounds.
        if repeated or has_nan == "true" or not isinstance(kind, PrimitiveType) or "min" not in found:
            continue
        low, high = bound(kind, found["min"], upper=False), bound(kind, found["max"], upper=True)
        if low is not None:
            lower[field.field_id] = low
        if high is not None:
            upper[field.field_id] = high
    entry = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"{'file://' if table.location.startswith('file://') else ''}{file.path}",
        file_format=FileFormat.PARQUET,
        partition=_partition(file, table),
        record_count=file.count,
        file_size_in_bytes=file.size,
        column_sizes=sizes,
        value_counts=values,
        null_value_counts=nulls,
        nan_value_counts=nans,
        lower_bounds=lower,
        upper_bounds=upper,
        sort_order_id=table.default_sort_order_id if ordered else None,
    )
    entry.spec_id = table.default_spec_id
    return entry


def _partition(file: WrittenFile, table: TableMetadata) -> Record:
    """Return the partition values as Iceberg holds them: days, months or microseconds."""
    types = table.spec().partition_type(table.schema())
    texts = list((file.partition or {}).values())
    pairs = zip(types.fields, texts, strict=True)
    return Record(*(_partition_value(field.field_type, text) for field, text in pairs))


def _partition_value(kind: Any, text: str | None) -> Any:
    if text is None:
        return None
    value = parse_value(kind, text)
    return value.bytes if isinstance(value, UUID) else value
