"""Turns pydantic's validation errors into messages: where, what is wrong, what is allowed."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel

from lagoa.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
"""The path to a value from the top of a file: keys and indexes of list items."""

_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
}


def spelled(location: Location) -> str:
    """Return a readable location with list items counted from 1: `schema[1].properties[3].enum`."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def cleaned(value: Any, location: Location) -> Location:
    """Remove from pydantic's location the parts that are not steps in the value: names of a union's members."""
    kept: list[str | int] = []
    for number, part in enumerate(location):
        if (isinstance(value, dict) and part in value) or isinstance(part, int):
            value = value[part]  # a number in a location is always the index of a list item
        elif not (isinstance(value, dict) and number == len(location) - 1 and not str(part).startswith("list[")):
            continue
        kept.append(part)
    return tuple(kept)


def known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that are allowed at a location."""
    kinds: list[Any] = [model]
    for part in location:
        if isinstance(part, int):
            kinds = [inner for kind in kinds if get_origin(kind) in {list, tuple} for inner in get_args(kind)]
        else:
            kinds = [field for kind in kinds for name, field in _fields(kind).items() if name == part]
        kinds = [member for kind in kinds for member in _members(kind)]
    return [name for kind in kinds for name in _fields(kind)]


def _fields(kind: Any) -> dict[str, Any]:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _members(kind: Any) -> list[Any]:
    if get_origin(kind) in {Union, UnionType}:
        return [member for member in get_args(kind) if member is not NoneType]
    return [kind]


def explained(location: Location, error: ErrorDetails, known: list[str], *, hidden: bool = False) -> tuple[str, str]:
    """Return what is wrong and what to do about it; the value itself, unless it is `hidden`."""
    what, value = spelled(location), error["input"]
    said = "" if hidden else f"; it is {value!r}"
    if error["type"] == "extra_forbidden":
        key = str(location[-1])
        where = f" in {spelled(location[:-1])}" if len(location) > 1 else ""
        return (
            f"the key {key!r} is not known{where}.{did_you_mean(key, known)}",
            f"Known here: {', '.join(sorted(known))}.",
        )
    if error["type"] == "missing":
        return f"{what} is missing.", "Add it."
    if wanted := _KINDS.get(error["type"]):
        quotes = wanted == "text" and not isinstance(value, dict | list)
        return f"{what} must be {wanted}{said}.", "Put it in quotes." if quotes else "Fix the value."
    return f"{what}: {error['msg']}{said}.", "Fix the value."
