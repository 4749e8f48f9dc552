"""Iceberg's types in DuckDB: names, field ids for `COPY`, casts that lose nothing, bounds of columns."""

from __future__ import annotations

import sys
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyiceberg.conversions import to_bytes
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    PrimitiveType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
from pyiceberg.utils.datetime import date_to_days, datetime_to_micros, time_to_micros
from pyiceberg.utils.truncate import truncate_upper_bound_binary_string

from lagoa.adapters.duckdb.sql import NotWritable
from lagoa.catalog.sql_types import type_in_sql
from lagoa.domain.sql_names import TYPES, name_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.schema import Schema

BOUND_LENGTH = 16
"""Characters (or bytes) that a bound of a text (or binary) column keeps: Iceberg's default, `truncate(16)`."""

_SURROGATES, _AFTER_SURROGATES = 0xD800, 0xE000


def duckdb_type(iceberg: IcebergType) -> str:
    """Return the name of DuckDB's type.

    Raises:
        NotWritable: when DuckDB's writer has none, as for `fixed`.
    """
    _check_writable(iceberg)
    return type_in_sql(iceberg)


def _check_writable(iceberg: IcebergType) -> None:
    for child in children(iceberg):
        _check_writable(child.field_type)
    if iceberg.is_primitive and not is_plain(iceberg):
        raise NotWritable(f"DuckDB writes no {iceberg}")


def children(iceberg: IcebergType) -> list[NestedField]:
    """Return the fields inside a type, under the names that Parquet gives them."""
    match iceberg:
        case StructType():
            return list(iceberg.fields)
        case ListType():
            return [NestedField(iceberg.element_id, "element", iceberg.element_type, required=iceberg.element_required)]
        case MapType():
            return [
                NestedField(iceberg.key_id, "key", iceberg.key_type, required=True),
                NestedField(iceberg.value_id, "value", iceberg.value_type, required=iceberg.value_required),
            ]
    return []


def field_ids(fields: list[NestedField] | tuple[NestedField, ...]) -> str:
    """Return the value of `COPY`'s FIELD_IDS for these fields and all inside them."""

    def one(field: NestedField) -> str:
        inside = children(field.field_type)
        if not inside:
            return f"{name_in_sql(field.name)}: {field.field_id}"
        nested = ", ".join([f"__duckdb_field_id: {field.field_id}", *map(one, inside)])
        return f"{name_in_sql(field.name)}: {{{nested}}}"

    return "{" + ", ".join(map(one, fields)) + "}"


def is_plain(iceberg: IcebergType) -> bool:
    """Return whether a type's values are found by one field id, and are of a type of DuckDB's own."""
    return isinstance(iceberg, DecimalType) or str(iceberg) in TYPES


def leaves(schema: Schema) -> dict[str, tuple[NestedField, bool]]:
    """Return each primitive field by the name it has in RETURN_STATS, and whether it repeats within a row."""

    def walk(field: NestedField, path: str, repeated: bool) -> Iterator[tuple[str, tuple[NestedField, bool]]]:
        inside = children(field.field_type)
        if not inside:
            yield path, (field, repeated)
        for child in inside:
            several = repeated or isinstance(field.field_type, ListType | MapType)
            yield from walk(child, f"{path}.{name_in_sql(child.name)}", several)

    return {name: leaf for field in schema.fields for name, leaf in walk(field, name_in_sql(field.name), False)}


def null_inside(field: NestedField, value: str) -> str | None:
    """Return a SQL condition that is true where a required field is null; None where nothing is required.

    `value` is the SQL of the field's own value. A field of a struct is looked at only where the struct is there.
    """
    conditions = [f"{value} IS NULL"] if field.required else []
    match field.field_type:
        case StructType() as struct:
            for child in struct.fields:
                inner = null_inside(child, f"{value}.{name_in_sql(child.name)}")
                if inner:
                    conditions.append(f"({value} IS NOT NULL AND {inner})")
        case ListType() as items:
            conditions += _null_in_items(children(items)[0], value)
        case MapType() as entries:
            conditions += _null_in_items(children(entries)[1], f"map_values({value})")
    return f"({' OR '.join(conditions)})" if conditions else None


def _null_in_items(item: NestedField, values: str) -> list[str]:
    inner = null_inside(item, "_item")
    return [f"coalesce(len(list_filter({values}, lambda _item: {inner})) > 0, false)"] if inner else []


_PARSERS: dict[type[IcebergType], Callable[[str], Any]] = {
    BooleanType: lambda text: text in {"1", "true"},
    IntegerType: int,
    LongType: int,
    FloatType: float,
    DoubleType: float,
    DecimalType: Decimal,
    DateType: lambda text: date_to_days(date.fromisoformat(text)),
    TimeType: lambda text: time_to_micros(time.fromisoformat(text)),
    TimestampType: lambda text: datetime_to_micros(datetime.fromisoformat(text)),
    TimestamptzType: lambda text: datetime_to_micros(datetime.fromisoformat(text)),
    UUIDType: UUID,
    BinaryType: bytes.fromhex,
}


def bound(iceberg: PrimitiveType, text: str, *, upper: bool) -> bytes | None:
    """Return a bound in Iceberg's form from the text of RETURN_STATS.

    None where there is no such bound: a date that Python has not, or a text that has no longer prefix above it.
    """
    try:
        value = parse_value(iceberg, text)
    except ValueError:  # infinity, years before 1 or after 9999
        return None
    if isinstance(value, str) and len(value) > BOUND_LENGTH:
        value = _above(value[:BOUND_LENGTH]) if upper else value[:BOUND_LENGTH]
    if isinstance(value, bytes) and len(value) > BOUND_LENGTH:
        value = truncate_upper_bound_binary_string(value, BOUND_LENGTH) if upper else value[:BOUND_LENGTH]
    return None if value is None else to_bytes(iceberg, value)


def _above(prefix: str) -> str | None:
    """Return the least text that is greater than every text with a prefix, and no longer; None if there is none.

    PyIceberg's own function yields surrogates, which are no characters and have no UTF-8.
    """
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= sys.maxunicode:
            return prefix[:at] + chr(_AFTER_SURROGATES if code == _SURROGATES else code)
    return None


def parse_value(iceberg: IcebergType, text: str) -> Any:
    """Return a value as Iceberg holds it, from DuckDB's text; raises `ValueError` for one that Python has not."""
    return _PARSERS.get(type(iceberg), str)(text)
