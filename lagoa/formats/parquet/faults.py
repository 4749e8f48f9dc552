"""Finds the rows of a Parquet batch that the engine must not get: it would fail on them, or change them.

Those have text that is not UTF-8, dates and times outside the years 1 to 9999, times that are not within a day or have
a fraction of a microsecond, or maps with a key twice.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.formats.parquet.values import remade
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pyarrow as pa

_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_AFTER = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) + 86_400
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def find_faults(columns: Mapping[str, pa.Array], types: Mapping[str, str]) -> dict[int, Fault]:
    """Return what is wrong with each bad row, by its index in the batch.

    Args:
        columns: a batch's columns as they are in the file, by the contract's names.
        types: the contract's types.
    """
    faults: dict[int, Fault] = {}
    for name, array in columns.items():
        for index in _beyond(array):
            faults.setdefault(index, Fault(f"type/{name}", f"{name} is no {types[name]}"))
        undecodable = _undecodable(array)
        for index in undecodable:
            faults.setdefault(index, Fault("encoding", f"{name} is not utf-8"))
        for index in [] if undecodable else _ambiguous(array):
            faults.setdefault(index, Fault(f"type/{name}", f"{name} has a key twice"))
    return faults


def as_json(columns: Mapping[str, pa.Array]) -> list[bytes]:
    """Return bad rows as JSON. Text that is not UTF-8 is `{"hex": …}`; a date that cannot be written is its number."""
    rows = zip(*(_shown(array) for array in columns.values()), strict=True)
    return [
        json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=_encoded).encode() for row in rows
    ]


def _beyond(array: pa.Array) -> list[int]:
    """Return the rows whose moment other tools cannot represent, or would lose precision."""
    import numpy as np
    from pyarrow import compute

    limits = _limits(array.type)
    if limits is None:
        return []
    low, high, step = limits
    numbers: npt.NDArray[np.int64] = compute.fill_null(_numbers(array), 0).to_numpy(zero_copy_only=False)
    bad = (numbers < low) | (numbers >= high)
    if step > 1:
        bad |= numbers % step != 0
    return [int(index) for index in np.flatnonzero(bad)]


def _limits(kind: pa.DataType) -> tuple[int, int, int] | None:
    """Return the first number for a moment of a type, the one after the last, and the required divisor."""
    import pyarrow as pa

    has = pa.types
    if has.is_date32(kind):
        return _FIRST // 86_400, _AFTER // 86_400, 1
    if has.is_date64(kind):
        return _FIRST * 1000, _AFTER * 1000, 1
    if has.is_time(kind):
        return 0, 86_400 * _UNITS[kind.unit], 1000 if kind.unit == "ns" else 1
    if has.is_timestamp(kind) and kind.unit != "ns":
        return _FIRST * _UNITS[kind.unit], _AFTER * _UNITS[kind.unit], 1
    return None


def _undecodable(array: pa.Array) -> list[int]:
    """Return the rows with text that is not UTF-8, at any depth."""
    import pyarrow as pa

    if remade(array.type, _bytes) == array.type:
        return []
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return [index for index in range(len(array)) if not _valid(array.take(pa.array([index])))]
    return []


def _ambiguous(array: pa.Array) -> list[int]:
    """Return the rows of maps with a key twice, which the engine does not support."""
    import pyarrow as pa

    if not pa.types.is_map(array.type):
        return []
    pairs = ([repr(key) for key, _ in row or ()] for row in array.to_pylist())
    return [index for index, keys in enumerate(pairs) if len(set(keys)) < len(keys)]


def _valid(array: pa.Array) -> bool:
    import pyarrow as pa

    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _bytes(kind: pa.DataType) -> pa.DataType:
    """Return the type of the bytes of a text."""
    import pyarrow as pa

    has = pa.types
    if has.is_large_string(kind):
        return pa.large_binary()
    return pa.binary() if has.is_string(kind) or has.is_string_view(kind) else kind


def _shown(array: pa.Array) -> list[Any]:
    """Return values for JSON: bytes for invalid text, numbers for moments that cannot be represented."""
    beyond = set(_beyond(array))
    if beyond:
        numbers = _numbers(array)
        return [(numbers if at in beyond else array)[at].as_py() for at in range(len(array))]
    if _undecodable(array):
        return list(array.cast(remade(array.type, _bytes)).to_pylist())
    return list(array.to_pylist())


def _numbers(array: pa.Array) -> pa.Array:
    """Return the numbers that represent moments in the file."""
    import pyarrow as pa

    narrow = pa.types.is_date32(array.type) or pa.types.is_time32(array.type)
    return array.cast(pa.int32()).cast(pa.int64()) if narrow else array.cast(pa.int64())


def _encoded(value: object) -> object:
    """Return what JSON gets for a value that it cannot express."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}
