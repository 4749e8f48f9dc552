"""SQL that converts values of a column's former type to its current type, nested fields included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from lagoa.catalog.sql_types import type_in_sql
from lagoa.domain.sql_names import name_in_sql, text_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


def converted(
    value: str, was: IcebergType, now: IcebergType, same: Callable[[NestedField], Hashable], depth: int = 0
) -> str:
    """Return the SQL that converts a value from one type to another; null if that is not possible.

    Args:
        value: the SQL of the value.
        was: its type.
        now: the required type.
        same: what identifies a field in both types: its id within one table, else its name.
        depth: how many lists and maps this is nested in.
    """
    if was == now:
        return value
    item = f"_item{depth}"
    match was, now:
        case StructType(), StructType():
            left = {same(field): field for field in was.fields}
            parts = []
            for field in now.fields:
                old = left.get(same(field))
                inner = f"CAST(NULL AS {type_in_sql(field.field_type)})"
                if old is not None:
                    part = f"struct_extract({value}, {text_in_sql(old.name)})"
                    inner = converted(part, old.field_type, field.field_type, same, depth)
                parts.append(f"{name_in_sql(field.name)} := {inner}")
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
        case ListType(), ListType():
            inner = converted(item, was.element_type, now.element_type, same, depth + 1)
            return f"list_transform({value}, lambda {item}: {inner})"
        case MapType(), MapType():
            inner = converted(item, was.value_type, now.value_type, same, depth + 1)
            values = f"list_transform(map_values({value}), lambda {item}: {inner})"
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE map(map_keys({value}), {values}) END"
    if was.is_primitive and now.is_primitive:
        return f"TRY_CAST({value} AS {type_in_sql(now)})"
    return f"CAST(NULL AS {type_in_sql(now)})"
