"""Finds the rows of an Arrow batch that the engine must not get: it would fail on them, or change them.

Those have, at any depth, text that is not UTF-8, NaN or infinity, dates and times outside the years 1 to 9999, times
that are not within a day, a fraction of a microsecond, decimals with more digits than their type, or maps with a key
twice.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lagoa.formats.shared.arrow_types import is_list, picked, remade
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_DAY = 86_400
_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_AFTER = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) + _DAY
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def find_faults(columns: Mapping[str, pa.Array], types: Mapping[str, str]) -> dict[int, Fault]:
    """Return what is wrong with each bad row, by its index in the batch.

    Args:
        columns: a batch's columns, unpacked, by the contract's names.
        types: the contract's types.
    """
    faults: dict[int, Fault] = {}
    for name, array in columns.items():
        misfits, beyond = _misfits(array)
        for index, why in {**misfits, **beyond}.items():
            faults.setdefault(index, Fault(f"type/{name}", f"{name} is no {types[name]}: {why}"))
        undecodable = _undecodable(array)
        for index in undecodable:
            faults.setdefault(index, Fault("encoding", f"{name} is not utf-8"))
        for index in [] if undecodable else _ambiguous(array):
            faults.setdefault(index, Fault(f"type/{name}", f"{name} has a key twice"))
    return faults


def as_json(
    columns: Mapping[str, pa.Array],
    indexes: Sequence[int],
    instead: Mapping[str, Mapping[int, object]] = MappingProxyType({}),
) -> list[bytes]:
    """Return bad rows as JSON. Text that is not UTF-8 is `{"hex": …}`; a date that cannot be written is its number.

    Args:
        columns: a batch's columns, unpacked.
        indexes: of the bad rows.
        instead: what to show for a value, by column and index.
    """
    rows: list[dict[str, Any]] = [{} for _ in indexes]
    for name, array in columns.items():
        texts = instead.get(name, {})
        for row, index, value in zip(rows, indexes, _shown(array, indexes), strict=True):
            row[name] = texts.get(index, value)
    return [json.dumps(row, ensure_ascii=False, default=_encoded).encode() for row in rows]


def shown(array: pa.Array, index: int) -> str:
    """Return one value as text, as `as_json` shows it."""
    value = _shown(array, [index])[0]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_encoded)


def for_json(array: pa.Array, index: int) -> Any:
    """Return one value as `as_json` has it before it is written."""
    return _shown(array, [index])[0]


def parts(array: pa.Array) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
    """Yield an array and all arrays inside it, each with the row that each of its values belongs to."""
    import numpy as np

    yield from _parts(array, np.arange(len(array)))


def _parts(array: pa.Array, rows: npt.NDArray[np.int64]) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
    import pyarrow as pa
    from pyarrow import compute

    yield array, rows
    kind = array.type
    if pa.types.is_map(kind):
        array = array.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
    if is_list(array.type):
        yield from _parts(array.flatten(), rows[compute.list_parent_indices(array).to_numpy()])
    elif pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _parts(child, rows)


def _misfits(array: pa.Array) -> tuple[dict[int, str], dict[int, str]]:
    """Return the rows with a value that the engine would change, and those with a moment that nobody can write; why."""
    import pyarrow as pa

    misfits: dict[int, str] = {}
    beyond: dict[int, str] = {}
    for part, rows in parts(array):
        has = pa.types
        inexact, outside = _inexact(part), _outside(part)
        if inexact is not None:
            why = "it has a part of a microsecond" if has.is_temporal(part.type) else "it is NaN, infinite or too long"
            misfits |= dict.fromkeys(rows[inexact].tolist(), why)
        if outside is not None:
            why = "it is not within a day" if has.is_time(part.type) else "it is no day of the years 1 to 9999"
            why = "it is outside the years 1 to 9999" if has.is_timestamp(part.type) else why
            beyond |= dict.fromkeys(rows[outside].tolist(), why)
    return misfits, beyond


def _inexact(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Return where numbers are not finite or too long for their type, and moments have a part that would be cut."""
    import pyarrow as pa
    from pyarrow import compute

    kind, has = array.type, pa.types
    found: npt.NDArray[np.bool_]
    if has.is_floating(kind):
        finite = compute.is_finite(array.cast(pa.float64()))
        found = ~compute.fill_null(finite, True).to_numpy(zero_copy_only=False)
        return found
    if has.is_decimal(kind):
        return _too_long(array)
    in_nanoseconds = (has.is_time(kind) or has.is_timestamp(kind)) and kind.unit == "ns"
    return _numbers(array) % 1000 != 0 if in_nanoseconds else None


def _too_long(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    import numpy as np

    if _is_valid(array):
        return None
    limit = 10 ** (array.type.precision - array.type.scale)
    return np.array([value is not None and abs(value) >= limit for value in array.to_pylist()])


def _outside(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Return where moments are outside the years 1 to 9999, or times outside a day."""
    limits = _limits(array.type)
    if limits is None:
        return None
    numbers = _numbers(array)
    found: npt.NDArray[np.bool_] = (numbers < limits[0]) | (numbers >= limits[1]) | (numbers % limits[2] != 0)
    return found


def _limits(kind: pa.DataType) -> tuple[int, int, int] | None:
    """Return the first number for a moment of a type, the one after the last, and what all are multiples of."""
    import pyarrow as pa

    has = pa.types
    if has.is_date32(kind):
        return _FIRST // _DAY, _AFTER // _DAY, 1
    if has.is_date64(kind):
        return _FIRST * 1000, _AFTER * 1000, _DAY * 1000
    if has.is_time(kind):
        return 0, _DAY * _UNITS[kind.unit], 1
    if has.is_timestamp(kind) and kind.unit != "ns":
        return _FIRST * _UNITS[kind.unit], _AFTER * _UNITS[kind.unit], 1
    return None


def _numbers(array: pa.Array) -> npt.NDArray[np.int64]:
    """Return the numbers that stand for moments; 0 where there is none."""
    from pyarrow import compute

    found: npt.NDArray[np.int64] = compute.fill_null(array.cast(_number(array.type)), 0).to_numpy(zero_copy_only=False)
    return found.astype("int64", copy=False)


def _number(kind: pa.DataType) -> pa.DataType:
    """Return the type of the number that stands for a moment; other types as they are."""
    import pyarrow as pa

    has = pa.types
    if has.is_date32(kind) or has.is_time32(kind):
        return pa.int32()
    return pa.int64() if has.is_temporal(kind) else kind


def _undecodable(array: pa.Array) -> list[int]:
    """Return the rows with text that is not UTF-8, at any depth."""
    import pyarrow as pa

    if remade(array.type, _bytes) == array.type or _is_valid(array):
        return []
    return [index for index in range(len(array)) if not _is_valid(array.take(pa.array([index])))]


def _is_valid(array: pa.Array) -> bool:
    import pyarrow as pa

    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _ambiguous(array: pa.Array) -> list[int]:
    """Return the rows of maps with a key twice, which the engine does not support."""
    import pyarrow as pa
    from pyarrow import compute

    found: set[int] = set()
    for part, rows in parts(array):
        if not pa.types.is_map(part.type):
            continue
        key = remade(part.type.key_type, lambda each: _number(_bytes(each)))  # Python has no object for some moments
        entries = part.cast(pa.list_(pa.struct([("key", part.type.key_type), ("value", part.type.item_type)])))
        keys = entries.flatten().field(0).cast(key).to_pylist()
        seen: set[tuple[int, str]] = set()
        for each in zip(compute.list_parent_indices(entries).to_pylist(), map(repr, keys), strict=True):
            if each in seen:
                found.add(int(rows[each[0]]))
            seen.add(each)
    return sorted(found)


def _bytes(kind: pa.DataType) -> pa.DataType:
    """Return the type of the bytes of a text."""
    import pyarrow as pa

    has = pa.types
    if has.is_large_string(kind):
        return pa.large_binary()
    return pa.binary() if has.is_string(kind) or has.is_string_view(kind) else kind


def _shown(whole: pa.Array, indexes: Sequence[int]) -> list[Any]:
    """Return values for JSON: bytes for invalid text, numbers for moments that cannot be represented."""
    import pyarrow as pa

    array = picked(whole, indexes)
    _, beyond = _misfits(array)
    plain = array.cast(remade(array.type, _bytes)) if _undecodable(array) else array
    plain = plain.cast(remade(plain.type, lambda each: pa.string() if pa.types.is_temporal(each) else each))
    numbers = array.cast(remade(array.type, lambda each: _number(_bytes(each)))) if beyond else plain
    return [(numbers if index in beyond else plain)[index].as_py() for index in range(len(array))]


def _encoded(value: object) -> object:
    """Return what JSON gets for a value that it cannot express."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}
