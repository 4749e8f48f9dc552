"""PyIceberg's types in SQL."""

from __future__ import annotations

from pyiceberg.types import IcebergType, ListType, MapType, StructType

from lagoa.domain.sql_names import TYPES, nested_in_sql


def type_in_sql(kind: IcebergType) -> str:
    """Return DuckDB's name of a type."""
    match kind:
        case StructType():
            return nested_in_sql("struct", [(field.name, type_in_sql(field.field_type)) for field in kind.fields])
        case ListType():
            return nested_in_sql("list", [("element", type_in_sql(kind.element_type))])
        case MapType():
            return nested_in_sql("map", [("key", type_in_sql(kind.key_type)), ("value", type_in_sql(kind.value_type))])
    name = str(kind)
    return "BLOB" if name.startswith("fixed") else TYPES.get(name, name.upper())
