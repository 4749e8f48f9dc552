"""Makes lists, maps and structs from JSON, each completely or not at all."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Any

from lagoa.formats.shared.arrow_types import passed_on
from lagoa.formats.shared.json_values import as_number_text, as_text, exact_number
from lagoa.formats.shared.values import GRAMMAR

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lagoa.contracts.iceberg_types import IcebergType

_WHOLE = re.compile(r" *[+-]?[0-9]+(\.0*)? *")
_GRAMMAR = {kind: re.compile(grammar, re.ASCII) for kind, grammar in GRAMMAR.items()}
_TRUE = frozenset({"true", "t", "yes", "y", "1"})


class Misfit(ValueError):
    """A value that does not fit the type."""


def arrow_type(kind: IcebergType) -> pa.DataType:
    """Return the Arrow type in which values of a type are passed on.

    Raises:
        ValueError: JSON cannot express values of the type.
    """
    if kind.name in {"binary", "fixed"}:
        raise ValueError(f"JSON cannot express {kind}")
    for _, part in kind.parts:
        arrow_type(part)
    return passed_on(kind)


def make(value: Any, kind: IcebergType) -> Any:
    """Return a JSON value as the Python value of a type.

    Raises:
        Misfit: it does not fit the type, or would lose a part.
    """
    if value is None:
        return None
    if kind.parts:
        return _NESTED[kind.name](value, kind)
    if kind.name == "string":
        return as_text(value)
    text = as_number_text(value) or ""
    if kind.name == "decimal":
        return _exact(text, *kind.numbers)
    if kind.name in _GRAMMAR and not _GRAMMAR[kind.name].fullmatch(text):
        raise Misfit
    try:
        return _MAKERS[kind.name](text)
    except (ValueError, OverflowError):
        raise Misfit from None


def _struct(value: Any, kind: IcebergType) -> dict[str, Any]:
    fields = dict(kind.parts)
    if not isinstance(value, dict) or not value.keys() <= fields.keys():
        raise Misfit
    return {name: make(value.get(name), part) for name, part in fields.items()}


def _list(value: Any, kind: IcebergType) -> list[Any]:
    if not isinstance(value, list):
        raise Misfit
    return [make(each, kind.parts[0][1]) for each in value]


def _map(value: Any, kind: IcebergType) -> list[tuple[Any, Any]]:
    if not isinstance(value, dict):
        raise Misfit
    (_, of_key), (_, of_value) = kind.parts
    made = [(make(key, of_key), make(each, of_value)) for key, each in value.items()]
    if len({key for key, _ in made}) != len(made):
        raise Misfit
    return made


def _decimal(text: str) -> Decimal:
    found = exact_number(text.strip(" "))
    if found is None or not found.is_finite() or "_" in text:
        raise Misfit
    return found


def _whole(text: str, limit: int) -> int:
    if not _WHOLE.fullmatch(text) or not -limit <= (found := _decimal(text)) < limit:
        raise Misfit
    return int(found)


def _exact(text: str, precision: int, scale: int) -> Decimal:
    try:
        return _decimal(text).quantize(
            Decimal(1).scaleb(-scale), context=Context(precision, traps=[Inexact, InvalidOperation])
        )
    except (Inexact, InvalidOperation):
        raise Misfit from None


def _double(text: str) -> float:
    """Return the number whose shortest text is the one given; a double does not keep more digits than that."""
    exact = _decimal(text)
    found = float(exact)
    if not isfinite(found) or Decimal(repr(found)) != exact:
        raise Misfit
    return found


def _float(text: str) -> float:
    import numpy as np

    exact = _decimal(text)
    with np.errstate(over="ignore"):
        found = np.float32(float(exact))
    if not np.isfinite(found) or Decimal(str(found)) != exact:
        raise Misfit
    return float(found)


def _moment(text: str) -> datetime:
    spelled = re.sub(r"(\.\d{6})0+", r"\1", text.replace(" ", "T", 1).replace(" ", ""))
    return datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", spelled))


def _utc(text: str) -> datetime:
    found = _moment(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


_NESTED: dict[str, Callable[[Any, IcebergType], Any]] = {"struct": _struct, "list": _list, "map": _map}
_MAKERS: dict[str, Callable[[str], Any]] = {
    "int": lambda text: _whole(text, 2**31),
    "long": lambda text: _whole(text, 2**63),
    "float": _float,
    "double": _double,
    "boolean": lambda text: text.lower() in _TRUE,
    "date": lambda text: date.fromisoformat(text[:10]),
    "time": lambda text: time.fromisoformat(re.sub(r"(\.\d{6})0+$", r"\1", text)),
    "timestamp": _moment,
    "timestamptz": _utc,
    "uuid": str,
}
