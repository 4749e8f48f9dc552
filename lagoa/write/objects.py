"""Makes values of a table's types from Python objects, as columns of pandas have them: each exactly, or not at all.

It is imported when there are such columns: importing pandas in it, and not for each value, makes it twice as fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd

from lagoa.contracts.iceberg_types import FLOATS
from lagoa.formats.shared.json_nested import Misfit, make
from lagoa.formats.shared.json_values import Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.contracts.iceberg_types import IcebergType

_PYTHON = frozenset({str, int, float, bool, bytes, Decimal, date, datetime, time, list, dict, tuple})


def value_from(given: Any, kind: IcebergType) -> Any:
    """Return a Python object as the value of a type, for Arrow; None where pandas says that it is missing.

    Raises:
        Misfit: it is no value of the type, or would lose a part.
    """
    found = _plain(given)
    if _is_missing(found, kind):
        return None
    try:
        return _MAKERS[kind.name](found, kind)
    except (ValueError, ArithmeticError, RecursionError):
        raise Misfit from None


def _plain(value: Any) -> Any:
    """Return the Python value of a scalar of numpy or pandas."""
    if type(value) in _PYTHON:
        return value
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, pd.Timestamp) and value is not pd.NaT:
        if value.nanosecond:
            raise Misfit
        return value.to_pydatetime()
    return value.item() if isinstance(value, np.generic) else value


def _is_missing(value: Any, kind: IcebergType) -> bool:
    """Return whether a value stands for none. NaN does where it can be no value: a float is NaN, and no null."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | Decimal) and value != value and kind.name not in FLOATS  # noqa: PLR0124 - NaN


def _number(value: Any, kind: IcebergType) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Misfit
    if isinstance(value, float):
        if kind.name == "double":
            if abs(value) < float("inf"):
                return value
            raise Misfit
        if kind.name == "float":
            return _float(value)
        if kind.name != "decimal" and value.is_integer():
            value = int(value)  # the text of a large float has rounded digits
    return make(Number(repr(value) if isinstance(value, float) else str(value)), kind)


def _float(value: float) -> float:
    with np.errstate(over="ignore"):
        if float(np.float32(value)) != value or not np.isfinite(value):
            raise Misfit
    return value


def _instance(*kinds: type) -> Callable[[Any, IcebergType], Any]:
    def check(value: Any, kind: IcebergType) -> Any:
        del kind
        if not isinstance(value, kinds):
            raise Misfit
        return value

    return check


def _text(value: Any, kind: IcebergType) -> str:
    del kind
    if not isinstance(value, str):
        raise Misfit
    value.encode()  # half a character is no text
    return value


def _bytes(value: Any, kind: IcebergType) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Misfit
    found = bytes(value)
    if kind.numbers and len(found) != kind.numbers[0]:
        raise Misfit
    return found


def _uuid(value: Any, kind: IcebergType) -> str:
    if isinstance(value, UUID):
        return str(value)
    return str(make(_text(value, kind), kind))


def _date(value: Any, kind: IcebergType) -> date:
    del kind
    if isinstance(value, datetime):
        if value.tzinfo is not None or value.time() != time():
            raise Misfit
        return value.date()
    if not isinstance(value, date):
        raise Misfit
    return value


def _time(value: Any, kind: IcebergType) -> time:
    del kind
    if not isinstance(value, time) or value.tzinfo is not None:
        raise Misfit
    return value


def _timestamp(value: Any, kind: IcebergType) -> datetime:
    del kind
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a timestamp has no zone
    raise Misfit


def _timestamptz(value: Any, kind: IcebergType) -> datetime:
    del kind
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Misfit
    return value.astimezone(UTC)


def _list(value: Any, kind: IcebergType) -> list[Any]:
    if not isinstance(value, list | tuple | np.ndarray):
        raise Misfit
    return [value_from(each, kind.parts[0][1]) for each in value]


def _map(value: Any, kind: IcebergType) -> list[tuple[Any, Any]]:
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, list) or not all(
        isinstance(pair, tuple) and len(pair) == len(kind.parts) for pair in pairs
    ):
        raise Misfit
    (_, of_key), (_, of_value) = kind.parts
    made = [(value_from(key, of_key), value_from(each, of_value)) for key, each in pairs]
    keys = [key for key, _ in made]
    if None in keys or len(set(map(repr, keys))) < len(keys):
        raise Misfit
    return made


def _struct(value: Any, kind: IcebergType) -> dict[str, Any]:
    fields = dict(kind.parts)
    if not isinstance(value, Mapping) or not value.keys() <= fields.keys():
        raise Misfit
    return {name: value_from(value.get(name), part) for name, part in fields.items()}


_MAKERS: dict[str, Callable[[Any, IcebergType], Any]] = {
    **dict.fromkeys(("int", "long", "float", "double", "decimal"), _number),
    "boolean": _instance(bool),
    "string": _text,
    "binary": _bytes,
    "fixed": _bytes,
    "uuid": _uuid,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "list": _list,
    "map": _map,
    "struct": _struct,
}
