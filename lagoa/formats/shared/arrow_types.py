"""Converts Arrow's types, of Parquet files and rows in memory: how the engine gets a column, and the value made of it.

A value is accepted unchanged, or in the contract's type if that loses nothing; otherwise its row is refused. Types
that have nothing in common are reported before any row is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import MOMENTS, NUMBERS, IcebergType, parse_type
from lagoa.domain.lists import cut
from lagoa.formats.shared.casts import Value
from lagoa.formats.shared.values import from_text, sql_type

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

MAX_PRECISION = 38
"""Digits of the longest decimal."""

_SHOWN = 200
_PLAIN = frozenset({"boolean", "binary", "fixed", "uuid", "string", "time", "timestamptz"})


def remade(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with each type inside it that has no parts replaced by `leaf`; all kinds of lists become one."""
    import pyarrow as pa

    has = pa.types
    if is_list(kind):
        return pa.list_(remade(kind.value_type, leaf))
    if has.is_map(kind):
        return pa.map_(remade(kind.key_type, leaf), remade(kind.item_type, leaf))
    if has.is_struct(kind):
        return pa.struct([(field.name, remade(field.type, leaf)) for field in kind])
    return leaf(kind)


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type is one of Arrow's lists that `remade` turns into the plain one."""
    import pyarrow as pa

    has = pa.types
    return bool(has.is_list(kind) or has.is_large_list(kind) or has.is_fixed_size_list(kind))


def held(kind: pa.DataType) -> pa.DataType:
    """Return the type in which the engine gets a column: moments are in microseconds, those with a zone in UTC.

    The engine would truncate, round or wrap others silently; `find_faults` refuses the values that do not fit before.
    """
    return remade(kind, lambda each: _microseconds(_unpacked(each)))


def unpacked(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column without dictionaries, extension types and the like; it can hold every value."""
    return remade(kind, _unpacked)


def _microseconds(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_date64(kind):
        return pa.date32()
    return pa.time64("us") if pa.types.is_time(kind) else kind


def _unpacked(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    has = pa.types
    if has.is_dictionary(kind) or has.is_run_end_encoded(kind):
        return unpacked(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _extended(kind)
    if has.is_float16(kind):
        return pa.float32()
    if has.is_decimal(kind) and 0 <= kind.scale <= kind.precision <= MAX_PRECISION:
        return pa.decimal128(kind.precision, kind.scale)
    if has.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if has.is_binary_view(kind) else kind


def _extended(kind: pa.BaseExtensionType) -> pa.DataType:
    """Return the type of an extension type's values; those of systems that Arrow knows nothing of stay as they are."""
    import pyarrow as pa

    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    return kind if isinstance(kind, pa.UuidType | pa.OpaqueType) else unpacked(kind.storage_type)


def passed_on(kind: IcebergType) -> pa.DataType:
    """Return the Arrow type in which values of a contract's type are passed on; UUIDs are text."""
    import pyarrow as pa

    inside = [passed_on(part) for _, part in kind.parts]
    if kind.name == "struct":
        return pa.struct([(name, part) for (name, _), part in zip(kind.parts, inside, strict=True)])
    if kind.name in {"list", "map"}:
        return pa.list_(*inside) if kind.name == "list" else pa.map_(*inside)
    if kind.numbers:
        return pa.decimal128(*kind.numbers) if kind.name == "decimal" else pa.binary(*kind.numbers)
    plain = {
        "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
        "date": pa.date32(), "time": pa.time64("us"), "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"), "string": pa.string(), "uuid": pa.string(), "binary": pa.binary(),
    }  # fmt: skip
    return plain[kind.name]


def recast(array: pa.Array, kind: pa.DataType, *, checked: bool = False) -> pa.Array:
    """Return values in another type, `unpacked` or `held`, that holds them all.

    `checked` says that `find_faults` has seen the values: those that only lie behind a slice or a null may be changed.
    """
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_run_end_encoded(array.type):
        array = compute.run_end_decode(array)
    if pa.types.is_dictionary(array.type):  # Arrow takes no views out of one
        values = recast(array.dictionary, unpacked(array.type.value_type))
        array = pa.DictionaryArray.from_arrays(array.indices, values)
    if array.type == kind:
        return array
    if "map<" in str(kind):
        array = picked(array, range(len(array)))
    return array.cast(kind, safe=not checked)


def picked(array: pa.Array, indexes: npt.ArrayLike) -> pa.Array:
    """Return the values of an array at indexes, in their order.

    Arrow's `take` gives the keys of maps a bitmap of nulls, and a cast of such keys then ends the process.
    """
    import numpy as np
    import pyarrow as pa

    places = np.asarray(indexes, np.int64)
    runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1) if len(places) else [places]
    return pa.concat_arrays([array.slice(int(run[0]) if len(run) else 0, len(run)) for run in runs])


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
    found = held(found)
    if has.is_null(found):
        return Value("NULL")
    if is_text(found):
        return from_text(sql, made, wanted)
    if not _goes_into(found, kind):
        raise ValueError(f"the file has {short_type(found)}, the contract {wanted}")
    if kind.name in _PLAIN:
        return Value(sql)
    back = ""
    if kind.name in {"float", "double"} and not has.is_floating(found):  # comparing as floats would hide a loss
        back = f"DECIMAL({found.precision}, {found.scale})" if has.is_decimal(found) else "HUGEINT"
    return _unchanged(sql, made, sql_type(wanted), back=back)


def short_type(kind: pa.DataType) -> str:
    """Return a type as text, for a message."""
    return cut(str(kind), _SHOWN)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type is one of Arrow's texts."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _goes_into(found: pa.DataType, kind: IcebergType) -> bool:
    """Return whether values of one type, as `held` gives it, may be values of the other; each value is then checked."""
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
    if kind.name in MOMENTS - {"time"}:
        zoned = has.is_timestamp(found) and found.tz is not None
        return (
            zoned if kind.name == "timestamptz" else bool((has.is_timestamp(found) and not zoned) or has.is_date(found))
        )
    same: dict[str, Callable[[pa.DataType], bool]] = {
        "boolean": has.is_boolean,
        "binary": lambda each: has.is_binary(each) or has.is_large_binary(each) or has.is_fixed_size_binary(each),
        "fixed": lambda each: has.is_fixed_size_binary(each) and each.byte_width == kind.numbers[0],
        "uuid": lambda each: isinstance(each, pa.UuidType),
        "time": has.is_time,
        "string": is_text,
    }
    return bool(same[kind.name](found))


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
    once = len(fields) == found.num_fields  # a field that is there twice would be lost
    return once and fields.keys() == names.keys() and all(_part_goes_into(fields[name], names[name]) for name in names)


def _part_goes_into(found: pa.DataType, kind: IcebergType) -> bool:
    """Return the same for a part of a value; never for exact numbers as floats: comparing as floats hides a loss."""
    import pyarrow as pa

    has = pa.types
    if has.is_null(found):
        return True
    if kind.name in {"float", "double"} and not has.is_floating(found):
        return False
    return _goes_into(found, kind)


def _unchanged(sql: str, made: str, kind: str, *, back: str = "") -> Value:
    """Return a cast that is bad where the value, cast back if necessary, differs from the one in the file."""
    same = f"TRY_CAST({made} AS {back})" if back else made
    return Value(
        f"TRY_CAST({sql} AS {kind})",
        (f"{sql} IS NOT NULL AND ({made} IS NULL OR {same} IS DISTINCT FROM {sql})",),
    )
