"""Reads one JSON text exactly: a number keeps the digits that it is written with, and ambiguous text is refused.

Python's own decoder does the work: it alone returns numbers as text, reports every key of an object and, once `NaN`
and `Infinity` are refused, accepts nothing that is not JSON.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn

from lagoa.contracts.iceberg_types import INTEGERS
from lagoa.domain.lists import repeated
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from lagoa.contracts.iceberg_types import IcebergType

_SPACE = " \t\r\n"
_TEXTLESS = re.compile("[\0\ud800-\udfff]")
_LONGEST_EXPONENT = 100
_EXACT = INTEGERS | {"decimal"}


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


class Unreadable(ValueError):
    """A text that is not a JSON object; `fault` says why."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(rule, reason)


def read_object(record: bytes, encoding: str) -> dict[str, Any]:
    """Return the object that a record contains; its values are None, bool, str, `Number`, list and dict.

    Raises:
        Unreadable: it is not in the encoding, not JSON or not an object, or has a key twice or a character that text
            cannot contain.
    """
    try:
        text = record.decode(encoding).strip(_SPACE)
        value, end = _DECODER.raw_decode(text)
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", f"byte {error.start + 1} is not {encoding}") from None
    except json.JSONDecodeError as error:
        if "\0" in error.doc:
            raise Unreadable("nul", "a NUL byte") from None
        raise Unreadable("json", f"no JSON: {error.msg.lower()} at character {error.pos + 1}") from None
    except RecursionError:
        raise Unreadable("json", "values nested too deeply") from None
    if end != len(text):
        raise Unreadable("json", f"more text behind the value, from character {end + 1}")
    if not isinstance(value, dict):
        raise Unreadable("object", f"{_kind(value)}, no object")
    if "\\u" in text:
        _refuse_textless(value)
    return value


def text_for(value: Any, kind: IcebergType) -> str | None:
    """Return a value as the text that a column of a type is read from: exact numbers are written out."""
    return as_number_text(value) if kind.name in _EXACT else as_text(value)


def texts_for(values: list[Any], kind: IcebergType) -> list[str | None]:
    """Return the values of a column as `text_for` does each."""
    exact = kind.name in _EXACT
    kinds = set(map(type, values))
    if not kinds <= {str, Number, NoneType}:
        return list(map(as_number_text if exact else as_text, values))
    if exact and Number in kinds and "e" in "".join(filter(None, values)).lower():
        return list(map(as_number_text, values))
    return values


def as_text(value: Any) -> str | None:
    """Return a value as text: strings unchanged, numbers as they are written, lists and objects as compact JSON."""
    return value if value is None or isinstance(value, str) else dumped(value)


def as_number_text(value: Any) -> str | None:
    """Return a value as text; a number with an exponent is written out unless that is too long."""
    if isinstance(value, Number) and ("e" in value or "E" in value):
        exact = exact_number(value)
        if exact is not None and abs(exact.adjusted()) <= _LONGEST_EXPONENT:
            return format(exact, "f")
    return as_text(value)


def exact_number(text: str) -> Decimal | None:
    """Return the number that a text is; None for none, and for an exponent that no number of any type has."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def dumped(value: Any) -> str:
    """Return a value as JSON without space, its numbers as they are written."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{encode_basestring(key)}:{dumped(each)}' for key, each in value.items())}}}"
    return f"[{','.join(map(dumped, value))}]"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = repeated(key for key, _ in pairs)
        raise Unreadable("keys", f"the key {twice!r} occurs twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise Unreadable("json", f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_constant, object_pairs_hook=_object, strict=True
)


def _refuse_textless(value: Any) -> None:
    """Refuse what an escape can express and text cannot contain: NUL and half characters."""
    if isinstance(value, str):
        if found := _TEXTLESS.search(value):
            if found[0] == "\0":
                raise Unreadable("nul", "a NUL character")
            raise Unreadable("encoding", f"half a character: \\u{ord(found[0]):04x}")
    elif isinstance(value, list | dict):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _refuse_textless(part)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return dumped(value)
    if isinstance(value, Number):
        return "a number"
    return "a text" if isinstance(value, str) else "a list"
