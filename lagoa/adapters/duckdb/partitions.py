"""Partition transforms and sort orders of Iceberg in DuckDB's SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.table.sorting import NullOrder, SortDirection
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.types import TimestamptzType, UUIDType

from lagoa.adapters.duckdb.sql import NotWritable
from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder


_OF_MOMENTS: dict[type[Transform[Any, Any]], str] = {
    VoidTransform: "CAST(NULL AS INTEGER)",
    YearTransform: "CAST(year({0}) - 1970 AS INTEGER)",
    MonthTransform: "CAST((year({0}) - 1970) * 12 + month({0}) - 1 AS INTEGER)",
    DayTransform: "CAST({0} AS DATE)",
    HourTransform: "CAST(date_diff('hour', TIMESTAMP '1970-01-01', {0}) AS INTEGER)",
}


def transform_sql(transform: Transform[Any, Any], schema: Schema, source_id: int) -> str:
    """Return the SQL of a transformed column, of the type that the partition value has in Iceberg.

    Raises:
        NotWritable: for a transform that DuckDB does not know, or of a field inside a struct.
    """
    field = next((field for field in schema.fields if field.field_id == source_id), None)
    if field is None:
        raise NotWritable("DuckDB partitions by no field inside another")
    column = name_in_sql(field.name)
    moment = f"timezone('UTC', {column})" if isinstance(field.field_type, TimestamptzType) else column
    if isinstance(transform, IdentityTransform):
        duckdb_type(field.field_type)
        return column
    if isinstance(transform, BucketTransform):
        if isinstance(field.field_type, UUIDType):  # iceberg_bucket hashes other bytes of a UUID than Iceberg does
            column = f"from_hex(replace(CAST({column} AS VARCHAR), '-', ''))"
        return f"iceberg_bucket({transform.num_buckets}, {column})"
    if isinstance(transform, TruncateTransform):
        return f"iceberg_truncate({transform.width}, {column})"
    try:
        return _OF_MOMENTS[type(transform)].format(moment)
    except KeyError:
        raise NotWritable(f"DuckDB partitions by no {transform}") from None


def needs_extension(transform: Transform[Any, Any]) -> bool:
    """Return whether the transform's SQL needs the iceberg extension."""
    return isinstance(transform, BucketTransform | TruncateTransform)


def order_sql(order: SortOrder, schema: Schema) -> str:
    """Return the ORDER BY clause of a sort order; empty for an unsorted table."""
    terms = []
    for field in order.fields:
        way = "DESC" if field.direction == SortDirection.DESC else "ASC"
        nulls = "FIRST" if field.null_order == NullOrder.NULLS_FIRST else "LAST"
        terms.append(f"{transform_sql(field.transform, schema, field.source_id)} {way} NULLS {nulls}")
    return f"ORDER BY {', '.join(terms)}" if terms else ""
