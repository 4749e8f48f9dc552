"""Values of features: what they are in tables, in the online store and in Python.

The online store has whole numbers, floating-point numbers, texts and bytes. Everything else is written in these without
loss: a boolean as 0 or 1, a moment as microseconds since 1970 in UTC, a decimal and a UUID as text, a list as JSON.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

Stored = Literal["integer", "double", "text", "bytes"]
"""What a value is in the online store."""

LIST = "_LIST"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STORED: dict[str, Stored] = {
    "BOOL": "integer", "INT32": "integer", "INT64": "integer", "FLOAT": "double", "DOUBLE": "double", "STRING": "text",
    "BYTES": "bytes", "UNIX_TIMESTAMP": "integer", "DECIMAL": "text", "UUID": "text",
}  # fmt: skip

_OF_ICEBERG = {
    "boolean": "BOOL", "int": "INT32", "long": "INT64", "float": "FLOAT", "double": "DOUBLE", "string": "STRING",
    "binary": "BYTES", "fixed": "BYTES", "date": "UNIX_TIMESTAMP", "timestamp": "UNIX_TIMESTAMP",
    "timestamptz": "UNIX_TIMESTAMP", "decimal": "DECIMAL", "uuid": "UUID",
}  # fmt: skip

_IN_SQL = {
    "BOOL": "CAST({} AS INTEGER)",
    "UNIX_TIMESTAMP": "epoch_us({})",
    "DECIMAL": "CAST({} AS VARCHAR)",
    "UUID": "CAST({} AS VARCHAR)",
}
_ELEMENT_IN_SQL = {**_IN_SQL, "BYTES": "to_base64({})"}

_FROM: dict[str, Callable[[Any], Any]] = {
    "BOOL": bool,
    "UNIX_TIMESTAMP": lambda value: _EPOCH + timedelta(microseconds=value),
    "DECIMAL": Decimal,
    "UUID": UUID,
}
_TO: dict[str, Callable[[Any], Any]] = {
    "BOOL": int,
    "UNIX_TIMESTAMP": lambda value: (value - _EPOCH) // timedelta(microseconds=1),
    "DECIMAL": str,
    "UUID": str,
}


def feature_type(iceberg: str) -> str | None:
    """Return Feast's name of the type of a column, such as `DECIMAL` for `decimal(14, 2)`; None if it has none."""
    text = iceberg.replace(" ", "").lower()
    if text.startswith("list<") and text.endswith(">"):
        element = _OF_ICEBERG.get(_word(text.removeprefix("list<").removesuffix(">")))
        return element + LIST if element else None
    return _OF_ICEBERG.get(_word(text))


def _word(text: str) -> str:
    return text.partition("(")[0].partition("[")[0]


def stored_as(kind: str) -> Stored | None:
    """Return what values of a type, by Feast's name, are in the online store; None if they have no place there."""
    element = kind.removesuffix(LIST)
    if element not in _STORED:
        return None
    return "text" if kind.endswith(LIST) else _STORED[element]


def stored_in_sql(kind: str, column: str) -> str:
    """Return SQL of a column's values as they are stored; lists are those of their elements, not yet JSON."""
    if kind.endswith(LIST):
        element = _ELEMENT_IN_SQL.get(kind.removesuffix(LIST))
        return f"list_transform({column}, lambda x: {element.format('x')})" if element else column
    return _IN_SQL.get(kind, "{}").format(column)


def list_to_json(values: list[Any] | None) -> str | None:
    """Return a list from `stored_in_sql` as it is stored."""
    return None if values is None else json.dumps(values)


def stored(kind: str, value: Any) -> Any:
    """Return a value of Python as it is stored."""
    if value is None:
        return None
    element = kind.removesuffix(LIST)
    if kind.endswith(LIST):
        return json.dumps([None if each is None else _element(element, each) for each in value])
    return _TO[element](value) if element in _TO else value


def _element(kind: str, value: Any) -> Any:
    if kind == "BYTES":
        return base64.b64encode(value).decode()
    return _TO[kind](value) if kind in _TO else value


def loaded(kind: str, value: Any) -> Any:
    """Return a stored value as Python has it; moments are in UTC."""
    if value is None:
        return None
    element = kind.removesuffix(LIST)
    if not kind.endswith(LIST):
        return _FROM[element](value) if element in _FROM else value
    read = base64.b64decode if element == "BYTES" else _FROM.get(element, lambda each: each)
    return [None if each is None else read(each) for each in json.loads(value)]
