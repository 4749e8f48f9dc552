"""Casts from a query's types to a table's: none of them changes a value without an error."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

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
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.domain.refusals import refusal_in_sql

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


class Conversion(IntEnum):
    """How a value gets from one type to another."""

    SAME = 0
    SAFE = 1  # every value of the one is a value of the other
    CHECKED = 2  # some are: each is cast there and back
    REFUSED = 3  # none is


_SMALL = {"tinyint", "smallint", "utinyint", "usmallint"}
_INTEGERS = _SMALL | {"integer", "uinteger", "bigint", "ubigint", "hugeint", "uhugeint"}
_NUMBERS = _INTEGERS | {"decimal", "float", "double"}
_RULES: dict[type[IcebergType], tuple[set[str], set[str], set[str]]] = {
    BooleanType: ({"boolean"}, set(), set()),
    IntegerType: ({"integer"}, _SMALL, _NUMBERS),
    LongType: ({"bigint"}, _SMALL | {"integer", "uinteger"}, _NUMBERS),
    FloatType: ({"float"}, _SMALL, _NUMBERS),
    DoubleType: ({"double"}, _SMALL | {"integer", "uinteger", "float"}, _NUMBERS),
    DecimalType: (set(), set(), _NUMBERS),
    DateType: ({"date"}, set(), {"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"}),
    TimeType: ({"time"}, set(), {"time_ns"}),
    TimestampType: ({"timestamp"}, {"timestamp_s", "timestamp_ms"}, {"timestamp_ns", "date"}),
    TimestamptzType: ({"timestamp with time zone"}, set(), set()),
    StringType: ({"varchar"}, {"enum"}, set()),
    UUIDType: ({"uuid"}, set(), {"varchar"}),
    BinaryType: ({"blob"}, set(), set()),
}


def conversion(source: DuckDBPyType, target: IcebergType) -> Conversion:
    """Return how values of a query's column get into a table's column."""
    parts = dict(_parts(source))
    match target, source.id:
        case StructType(), "struct":
            return _struct(parts, target)
        case ListType(), "list" | "array":
            inner = conversion(parts["child"], target.element_type)
            return inner if source.id == "list" else max(inner, Conversion.SAFE)
        case MapType(), "map":
            return max(conversion(parts["key"], target.key_type), conversion(parts["value"], target.value_type))
        case DecimalType(), "decimal":
            return _decimal(int(parts["precision"]), int(parts["scale"]), target)
    for names, kind in zip(_RULES.get(type(target), ()), Conversion, strict=False):
        if source.id in names:
            return kind
    return Conversion.REFUSED


def _parts(source: DuckDBPyType) -> list[tuple[str, Any]]:
    nested = source.id in {"struct", "list", "array", "map", "decimal"}
    return list(source.children) if nested else []


def _decimal(precision: int, scale: int, target: DecimalType) -> Conversion:
    if (precision, scale) == (target.precision, target.scale):
        return Conversion.SAME
    fits = scale <= target.scale and precision - scale <= target.precision - target.scale
    return Conversion.SAFE if fits else Conversion.CHECKED


def _struct(inside: dict[str, Any], target: StructType) -> Conversion:
    if set(inside) != {field.name for field in target.fields}:
        return Conversion.REFUSED
    kinds = [conversion(inside[field.name], field.field_type) for field in target.fields]
    ordered = list(inside) == [field.name for field in target.fields]
    return max(*kinds, Conversion.SAME if ordered else Conversion.SAFE)


def cast(value: str, source: DuckDBPyType, target: IcebergType, column: str) -> str | None:
    """Return the SQL that casts `value` (the SQL of a column), or None where the types do not go together.

    A value that the target cannot hold as it is ends the query with an error; see `lagoa.domain.refusals`.
    """
    name = duckdb_type(target)
    match conversion(source, target):
        case Conversion.SAME:
            return value
        case Conversion.SAFE:
            return f"CAST({value} AS {name})"
        case Conversion.CHECKED:
            there = f"TRY_CAST({value} AS {name})"
            same = f"TRY_CAST({there} AS {source}) = {value}"
            if source.id == "time_ns":  # nothing is cast back to it
                same = f"CAST({there} AS VARCHAR) = CAST({value} AS VARCHAR)"
            return (
                f"CASE WHEN {value} IS NULL THEN NULL WHEN {same} THEN {there} "
                f"ELSE {_refuse(value, column, target)} END"
            )
    if source.id in {"integer", '"null"', "null", "sqlnull"}:  # a bare NULL has the type INTEGER
        return f"CAST(CASE WHEN {value} IS NULL THEN NULL ELSE {_refuse(value, column, target)} END AS {name})"
    return None


def _refuse(value: str, column: str, target: IcebergType) -> str:
    return refusal_in_sql(f"column {column!r} ({target}) cannot hold ", value)
