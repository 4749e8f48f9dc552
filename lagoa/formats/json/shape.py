"""What the values of a key in JSON records are like, and which Iceberg type can hold them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lagoa.formats.shared.json_values import Number

if TYPE_CHECKING:
    from lagoa.formats.shared.guesses import Written

Kind = Literal["text", "number", "boolean", "list", "object"]

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELDS = 50
_DEPTH = 10
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WORDS = {"text": "texts", "number": "numbers", "boolean": "true or false", "list": "lists", "object": "objects"}


@dataclass(slots=True)
class Shape:
    """What the values of one key, or of one place within them, are like.

    Attributes:
        kinds: the kinds of values that were seen; null does not count.
        whole: whether every number is whole and fits into 64 bits.
        items: the shape of the values of lists.
        fields: the shapes of the values of objects, by key.
    """

    kinds: set[Kind] = field(default_factory=set)
    whole: bool = True
    items: Shape | None = None
    fields: dict[str, Shape] = field(default_factory=dict)

    def see(self, value: Any) -> None:
        """Take one more value into account."""
        if isinstance(value, Number):
            self.kinds.add("number")
            self.whole = self.whole and _WHOLE.fullmatch(value) is not None
        elif isinstance(value, str):
            self.kinds.add("text")
        elif isinstance(value, bool):
            self.kinds.add("boolean")
        elif isinstance(value, list):
            self.kinds.add("list")
            self.items = self.items or Shape()
            for each in value:
                self.items.see(each)
        elif value is not None:
            self.kinds.add("object")
            for key, each in value.items():
                self.fields.setdefault(key, Shape()).see(each)

    def merge(self, other: Shape) -> None:
        """Take the values of another place into account, too."""
        self.kinds |= other.kinds
        self.whole = self.whole and other.whole
        if other.items is not None:
            self.items = self.items or Shape()
            self.items.merge(other.items)
        for key, shape in other.fields.items():
            self.fields.setdefault(key, Shape()).merge(shape)

    @property
    def written(self) -> Written:
        """The kind of all values; text if there is none."""
        if len(self.kinds) > 1:
            return "several"
        return "number" if self.kinds == {"number"} else "boolean" if self.kinds == {"boolean"} else "text"

    @property
    def description(self) -> str:
        """The kinds of values, in words."""
        words = " and ".join(_WORDS[kind] for kind in sorted(self.kinds)) or "no value"
        return f"{words}: kept as JSON writes them" if len(self.kinds) > 1 else words


def nested_type(shape: Shape, depth: int = 0) -> str:
    """Return the Iceberg type that can hold every value of a shape; values of several kinds become JSON text."""
    kind = next(iter(shape.kinds)) if len(shape.kinds) == 1 else "text"
    if kind in {"number", "boolean"}:
        return "boolean" if kind == "boolean" else "long" if shape.whole else "double"
    if kind == "text" or depth >= _DEPTH:
        return "string"
    if shape.items is not None:
        return f"list<{nested_type(shape.items, depth + 1)}>"
    if _is_struct(shape):
        return f"struct<{', '.join(f'{key}: {nested_type(each, depth + 1)}' for key, each in shape.fields.items())}>"
    values = Shape()
    for each in shape.fields.values():
        values.merge(each)
    return f"map<string, {nested_type(values, depth + 1)}>"


def _is_struct(shape: Shape) -> bool:
    """Return whether the keys of objects are names of fields: few, and valid as names."""
    names = {key.lower() for key in shape.fields}
    return len(names) == len(shape.fields) and 0 < len(names) <= _FIELDS and all(map(_FIELD.fullmatch, shape.fields))
