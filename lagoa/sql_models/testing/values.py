"""Values of tests: converts what YAML reads to what a column holds; nothing is guessed and nothing lost."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lagoa.domain.lists import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.contracts.iceberg_types import IcebergType

_BITS = {"int": 32, "long": 64}
_FLOAT_DIGITS = 15
"""Digits of a decimal that YAML's floats preserve."""

_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
"""Enough for every decimal column; what it cannot hold exactly is an error."""

_INTEGER_BITS = 256
"""More than any column holds; Python does not convert much longer numbers to text."""

_TOLERANCES = {"double": 1e-9, "float": 1e-6}
"""Share by which two floats may differ: the result of a sum depends on its order."""

_TINY = 1e-12
_SHOWN = 60


class NotAValue(Exception):
    """A value that a column cannot hold; the text says what to write."""


def read_value(value: Any, kind: IcebergType) -> Any:
    """Return a value as Python holds it for a column of this type; None stays None.

    Args:
        value: what YAML read: text, a number, true or false, a date or a moment, a list, keys and values.
        kind: the column's type.

    Raises:
        NotAValue: it is not a value of the type.
    """
    if value is None:
        return None
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise NotAValue("the number is larger than any column holds.")
    if kind.parts:
        return _NESTED[kind.name](value, kind)
    return _READERS[kind.name](value, kind)


def same_value(expected: Any, found: Any, kind: IcebergType) -> bool:
    """Return whether a value that a model returned is the expected one.

    Floats may differ by a billionth of their value (`float` by a millionth); everything else is compared exactly.
    """
    if expected is None or found is None:
        return expected is None and found is None
    return bool(_SAME[kind.name](expected, found, kind)) if kind.name in _SAME else bool(expected == found)


def _same_float(expected: float, found: float, kind: IcebergType) -> bool:
    both_nan = math.isnan(expected) and math.isnan(found)
    return both_nan or math.isclose(expected, found, rel_tol=_TOLERANCES[kind.name], abs_tol=_TINY)


def _same_uuid(expected: UUID, found: Any, _: IcebergType) -> bool:
    return str(expected) == str(found)


def _same_list(expected: list[Any], found: list[Any], kind: IcebergType) -> bool:
    inner = kind.parts[0][1]
    return len(expected) == len(found) and all(same_value(*pair, inner) for pair in zip(expected, found, strict=True))


def _same_struct(expected: dict[str, Any], found: dict[str, Any], kind: IcebergType) -> bool:
    return all(same_value(expected[name], found[name], inner) for name, inner in kind.parts)


def _same_map(expected: list[tuple[Any, Any]], found: list[tuple[Any, Any]], kind: IcebergType) -> bool:
    (_, key), (_, value) = kind.parts
    rest = list(found)
    for pair in expected:
        hit = next((p for p in rest if same_value(pair[0], p[0], key) and same_value(pair[1], p[1], value)), None)
        if hit is None:
            return False
        rest.remove(hit)
    return not rest


def _text(value: Any, _: IcebergType) -> str:
    if not isinstance(value, str):
        raise NotAValue(f"the column is text and YAML reads {yaml_text(value)} here. Put it in quotes.")
    return value


def _boolean(value: Any, _: IcebergType) -> bool:
    if not isinstance(value, bool):
        raise NotAValue(f"{yaml_text(value)} is not true or false.")
    return value


def _integer(value: Any, kind: IcebergType) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotAValue(f"{yaml_text(value)} is not a whole number.")
    limit = 2 ** (_BITS[kind.name] - 1)
    if not -limit <= value < limit:
        raise NotAValue(f"{value} is beyond what {kind} holds.")
    return value


def _float(value: Any, _: IcebergType) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise NotAValue(f"{yaml_text(value)} is not a number.")
    return float(value)


def _decimal(value: Any, kind: IcebergType) -> Decimal:
    precision, scale = kind.numbers
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise NotAValue(f"{yaml_text(value)} is not a number.")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise NotAValue(f"{yaml_text(value)} is not a number.") from error
    if isinstance(value, float) and len(number.as_tuple().digits) > _FLOAT_DIGITS:
        raise NotAValue(f"{value} has more digits than YAML keeps. Put it in quotes.")
    try:
        exact = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    except (Inexact, InvalidOperation) as error:
        raise NotAValue(f"{yaml_text(value)} does not fit in {kind}.") from error
    if not exact.is_finite() or len(exact.as_tuple().digits) > precision:
        raise NotAValue(f"{yaml_text(value)} does not fit in {kind}.")
    return exact


def _date(value: Any, _: IcebergType) -> date:
    found = _iso(value, date.fromisoformat)
    if isinstance(found, datetime) or not isinstance(found, date):
        raise NotAValue(f"{yaml_text(value)} is not a date. Write it as 2018-01-31.")
    return found


def _timestamp(value: Any, _: IcebergType) -> datetime:
    found = _moment(value)
    if found.tzinfo is not None:
        raise NotAValue(f"{found.isoformat()} has a time zone and the column has none. Leave the zone out.")
    return found


def _timestamptz(value: Any, _: IcebergType) -> datetime:
    found = _moment(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _moment(value: Any) -> datetime:
    found = _iso(value, datetime.fromisoformat)
    if isinstance(found, datetime):
        return found
    if isinstance(found, date):
        return datetime(found.year, found.month, found.day)  # noqa: DTZ001 - the column decides on the zone
    raise NotAValue(f"{yaml_text(value)} is not a date and time. Write it as 2018-01-31 09:30:00.")


def _time(value: Any, _: IcebergType) -> time:
    found = _iso(value, time.fromisoformat)
    if not isinstance(found, time):
        raise NotAValue(f'{yaml_text(value)} is not a time of day. Write it in quotes: "09:30:00".')
    return found


def _uuid(value: Any, _: IcebergType) -> UUID:
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise NotAValue(f"{yaml_text(value)} is not a UUID.") from error


def _bytes(value: Any, kind: IcebergType) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", value):
        raise NotAValue(f"{yaml_text(value)} is not {kind}. Write bytes as hexadecimal text, in quotes.")
    found = bytes.fromhex(value)
    if kind.numbers and len(found) != kind.numbers[0]:
        raise NotAValue(f"{yaml_text(value)} has {len(found)} bytes; {kind} has {kind.numbers[0]}.")
    return found


def _list(value: Any, kind: IcebergType) -> list[Any]:
    if not isinstance(value, list):
        raise NotAValue(f"{yaml_text(value)} is not a list.")
    return [_inner(each, kind.parts[0][1]) for each in value]


def _struct(value: Any, kind: IcebergType) -> dict[str, Any]:
    known = dict(kind.parts)
    if not isinstance(value, dict) or value.keys() - known.keys():
        raise NotAValue(f"{yaml_text(value)} is not {kind}: keys and values of these names.")
    return {name: _inner(value.get(name), inner) for name, inner in kind.parts}


def _map(value: Any, kind: IcebergType) -> list[tuple[Any, Any]]:
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004
        raise NotAValue(f"{yaml_text(value)} is not a map: keys and values, or a list of [key, value].")
    (_, key), (_, inner) = kind.parts
    return [(_inner(name, key), _inner(each, inner)) for name, each in pairs]


def _inner(value: Any, kind: IcebergType) -> Any:
    if kind.name == "uuid":
        raise NotAValue("a UUID inside another value cannot be given.")
    return read_value(value, kind)


def _iso(value: Any, parse: Callable[[str], Any]) -> Any:
    """Return the value of a text in quotes; YAML has already converted one without quotes."""
    try:
        return parse(value) if isinstance(value, str) else value
    except ValueError:
        return None


def yaml_text(value: Any) -> str:
    """Return what YAML read, for a message: on one line, shortened if necessary."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = value.isoformat() if isinstance(value, date) else repr(value)
    return cut(text, _SHOWN)


_READERS: dict[str, Callable[[Any, IcebergType], Any]] = {
    "boolean": _boolean, "int": _integer, "long": _integer, "float": _float, "double": _float, "decimal": _decimal,
    "date": _date, "time": _time, "timestamp": _timestamp, "timestamptz": _timestamptz, "string": _text,
    "uuid": _uuid, "binary": _bytes, "fixed": _bytes,
}  # fmt: skip
_NESTED: dict[str, Callable[[Any, IcebergType], Any]] = {"list": _list, "struct": _struct, "map": _map}
_SAME: dict[str, Callable[[Any, Any, IcebergType], bool]] = {
    "float": _same_float, "double": _same_float, "uuid": _same_uuid, "list": _same_list, "struct": _same_struct,
    "map": _same_map,
}  # fmt: skip
