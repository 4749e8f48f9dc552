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
from pyiceberg.types import (
    BinaryType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestamptzType,
    UUIDType,
)

from lagoa.adapters.duckdb.sql import NotWritable
from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.domain.sql_names import name_in_sql

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder


_OF_MOMENTS: dict[type[Transform[Any, Any]], str] = {
    YearTransform: "CAST(year({0}) - 1970 AS INTEGER)",
    MonthTransform: "CAST((year({0}) - 1970) * 12 + month({0}) - 1 AS INTEGER)",
    DayTransform: "CAST({0} AS DATE)",
    HourTransform: "CAST(date_diff('hour', TIMESTAMP '1970-01-01', {0}) AS INTEGER)",
}

_LONGEST = 64  # bytes of a text or binary value that stands in the name of its partition's folder
_SHORT, _LONG = "_", "md5-"


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
    if isinstance(transform, VoidTransform):
        return f"CAST(NULL AS {duckdb_type(field.field_type)})"
    if isinstance(transform, IdentityTransform):
        duckdb_type(field.field_type)
        return column
    if isinstance(transform, BucketTransform):
        if isinstance(field.field_type, UUIDType):  # iceberg_bucket hashes other bytes of a UUID than Iceberg does
            column = f"from_hex(replace(CAST({column} AS VARCHAR), '-', ''))"
        return f"iceberg_bucket({transform.num_buckets}, {column})"
    if isinstance(transform, TruncateTransform):
        return _truncated(column, transform.width, field.field_type)
    try:
        return _OF_MOMENTS[type(transform)].format(moment)
    except KeyError:
        raise NotWritable(f"DuckDB partitions by no {transform}") from None


def _truncated(column: str, width: int, kind: IcebergType) -> str:
    """Return the SQL of a truncated column.

    Iceberg rounds numbers down to a multiple of the width. Where that is below the type's range, its least value is
    taken, so that the order is kept: the formula of the specification would overflow there, to the greatest values.
    """
    if isinstance(kind, IntegerType | LongType):
        bits, wide = (31, "BIGINT") if isinstance(kind, IntegerType) else (63, "HUGEINT")
        value = f"CAST({column} AS {wide})"
        rounded = f"{value} - (({value} % {width}) + {width}) % {width}"
        return f"CAST(greatest({rounded}, {-(2**bits)}) AS {duckdb_type(kind)})"
    if isinstance(kind, DecimalType):
        whole, fraction = "9" * (kind.precision - kind.scale) or "0", "9" * kind.scale
        least, zero = (f"CAST('{text}' AS {duckdb_type(kind)})" for text in (f"-{whole}.{fraction}", "0"))
        if width >= 10**kind.precision:
            return f"CASE WHEN {column} < 0 THEN {least} WHEN {column} >= 0 THEN {zero} END"
        return f"greatest(iceberg_truncate({width}, {column}), {least})"
    return f"iceberg_truncate({width}, {column})"


def key_sql(value: str, kind: IcebergType) -> str:
    """Return the SQL of what DuckDB names the folder of a partition by, for a partition value of a type.

    That is the value itself, except for texts and bytes: the name of a folder has at most 255 bytes, each byte of a
    value takes up to three of them, and DuckDB does not write one that is no UTF-8. See `value_of_key`.
    """
    if isinstance(kind, StringType):
        return f"CASE WHEN strlen({value}) <= {_LONGEST} THEN '{_SHORT}' || {value} ELSE '{_LONG}' || md5({value}) END"
    if isinstance(kind, BinaryType):
        size, text = f"octet_length({value})", f"hex({value})"
        return f"CASE WHEN {size} <= {_LONGEST} THEN '{_SHORT}' || {text} ELSE '{_LONG}' || md5({text}) END"
    return value


def value_of_key(key: str | None, kind: IcebergType) -> tuple[str | None, bool]:
    """Return the text of a partition value from its key, and whether the key has it: that of a long value does not."""
    if key is None or not isinstance(kind, StringType | BinaryType):
        return key, True
    return key.removeprefix(_SHORT), key.startswith(_SHORT)


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
