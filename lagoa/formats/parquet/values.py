"""Converts a Parquet file's types: the type in which the engine gets a column, and the value made of it.

A value is accepted unchanged, or in the contract's type if that loses nothing; otherwise its row is refused. Types
that have nothing in common are reported before any row is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import MOMENTS, NUMBERS, IcebergType, parse_type
from lagoa.formats.shared.values import Value, from_text, sql_type

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

MAX_PRECISION = 38
"""Digits of the longest decimal."""

_PLAIN = frozenset({"boolean", "binary", "fixed", "uuid", "string"})


def remade(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with each type inside it that has no parts replaced by `leaf`; all kinds of lists become one."""
    import pyarrow as pa

    has = pa.types
    if has.is_list(kind) or has.is_large_list(kind) or has.is_fixed_size_list(kind):
        return pa.list_(remade(kind.value_type, leaf))
    if has.is_map(kind):
        return pa.map_(remade(kind.key_type, leaf), remade(kind.item_type, leaf))
    if has.is_struct(kind):
        return pa.struct([(field.name, remade(field.type, leaf)) for field in kind])
    return leaf(kind)


def held(kind: pa.DataType) -> pa.DataType:
    """Return the type in which the engine gets a column.

    It does not support all types, and would truncate moments with a zone to microseconds, so those in nanoseconds are
    passed as UTC without a zone. Only times lose their nanoseconds: `find_faults` refuses those that have any.
    """
    return remade(kind, lambda each: _microseconds(_unpacked(each)))


def unpacked(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column without dictionaries, extension types and the like; it can hold every value."""
    return remade(kind, _unpacked)


def _microseconds(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.time64("us") if pa.types.is_time(kind) else kind


def _unpacked(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    has = pa.types
    if has.is_dictionary(kind):
        return unpacked(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.UuidType):
        return unpacked(kind.storage_type)
    if has.is_timestamp(kind) and kind.tz and kind.unit == "ns":
        return pa.timestamp("ns")
    if has.is_float16(kind):
        return pa.float32()
    if has.is_decimal(kind) and 0 <= kind.scale <= kind.precision <= MAX_PRECISION:
        return pa.decimal128(kind.precision, kind.scale)
    return pa.binary() if has.is_binary_view(kind) else kind


def value_of(sql: str, made: str, found: pa.DataType, wanted: str) -> Value:
    """Return the value of type `wanted` for a column of type `found`.

    Args:
        sql: the column, which the engine has as `held(found)`.
        made: how the value's conditions may refer to it.
        found: the type in the file.
        wanted: the contract's, in Iceberg's spelling.

    Raises:
        ValueError: the two have nothing in common.
    """
    import pyarrow as pa

    kind, has = parse_type(wanted), pa.types
    zoned = has.is_timestamp(found) and found.tz is not None
    if kind.parts and _loses_zones(found):
        raise ValueError(f"the file has {found}, whose moments in nanoseconds are not read inside other values")
    found = held(found)
    if has.is_null(found):
        return Value("NULL")
    if _is_text(found):
        return from_text(sql, made, wanted)
    if not _goes_into(found, kind, zoned=zoned):
        raise ValueError(f"the file has {found}, the contract {wanted}")
    if kind.name in _PLAIN:
        return Value(sql)
    if kind.name == "timestamptz":
        return _unchanged(sql, made, "TIMESTAMP", zone=" AT TIME ZONE 'UTC'") if found.tz is None else Value(sql)
    if kind.name in {"float", "double"}:
        exact = "HUGEINT" if has.is_integer(found) else ""
        value = _unchanged(sql, made, sql_type(wanted), back=exact)
        return Value(value.sql, (*value.bad, f"{made} IS NOT NULL AND NOT isfinite({made})"))
    return _unchanged(sql, made, sql_type(wanted))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _goes_into(found: pa.DataType, kind: IcebergType, *, zoned: bool = False) -> bool:
    """Return whether values of one type may be values of the other; each value is then checked."""
    import pyarrow as pa

    has = pa.types
    if kind.parts:
        return _parts_go_into(found, kind)
    if kind.name in NUMBERS:
        return bool(
            has.is_integer(found)
            or has.is_floating(found)
            or (has.is_decimal(found) and 0 <= found.scale <= found.precision <= MAX_PRECISION)
        )
    if kind.name == "timestamptz":
        return zoned
    if kind.name in MOMENTS - {"time"}:
        return bool(not zoned and (has.is_timestamp(found) or has.is_date(found)))
    same: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": has.is_boolean,
        "binary": lambda each: has.is_binary(each) or has.is_large_binary(each) or has.is_fixed_size_binary(each),
        "fixed": lambda each: has.is_fixed_size_binary(each) and each.byte_width == kind.numbers[0],
        "uuid": lambda each: isinstance(each, pa.UuidType),
        "time": has.is_time,
        "string": _is_text,
    }
    return bool(same[kind.name](found))


def _loses_zones(kind: pa.DataType) -> bool:
    """Return whether moments inside a type would lose their zones in `held`."""
    import pyarrow as pa

    def other(leaf: pa.DataType) -> pa.DataType:
        return pa.timestamp("ns") if pa.types.is_timestamp(leaf) and leaf.unit == "ns" else leaf

    def same(leaf: pa.DataType) -> pa.DataType:
        return leaf

    return bool(remade(kind, other) != remade(kind, same))


def _parts_go_into(found: pa.DataType, kind: IcebergType) -> bool:
    import pyarrow as pa

    wanted = [part for _, part in kind.parts]
    if kind.name == "list" and pa.types.is_list(found):
        return _part_goes_into(found.value_type, wanted[0])
    if kind.name == "map" and pa.types.is_map(found):
        return _part_goes_into(found.key_type, wanted[0]) and _part_goes_into(found.item_type, wanted[1])
    if kind.name != "struct" or not pa.types.is_struct(found):
        return False
    fields = {field.name: field.type for field in found}
    names = dict(kind.parts)
    return fields.keys() == names.keys() and all(_part_goes_into(fields[name], names[name]) for name in names)


def _part_goes_into(found: pa.DataType, kind: IcebergType) -> bool:
    """Return the same for a part of a value; never for integers as floats, whose comparison as floats hides a loss."""
    import pyarrow as pa

    has = pa.types
    if has.is_null(found):
        return True
    if has.is_integer(found) and kind.name in {"float", "double"}:
        return False
    return _goes_into(found, kind, zoned=has.is_timestamp(found) and found.tz is not None)


def _unchanged(sql: str, made: str, kind: str, *, zone: str = "", back: str = "") -> Value:
    """Return a cast that is bad where the value, cast back if necessary, differs from the one in the file."""
    same = f"TRY_CAST({made} AS {back})" if back else made + zone
    return Value(
        f"TRY_CAST({sql} AS {kind}){zone}",
        (f"{sql} IS NOT NULL AND ({made} IS NULL OR {same} IS DISTINCT FROM {sql})",),
    )
