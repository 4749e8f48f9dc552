"""What the values of a key in JSON records are like, and which Iceberg type can hold them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.iceberg_types import is_field_name, struct_type
from lagoa.formats.shared.json_values import Number, exact_number

if TYPE_CHECKING:
    from lagoa.formats.shared.guesses import Written

Kind = Literal["text", "number", "boolean", "list", "object"]

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMED = re.compile(r"[^\W\d]")
_FIELDS = 50
_SHARED = 2 / 3  # of the keys of all objects of a struct stand in one, on average
_DEPTH = 10
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_EXACT_DIGITS = 15  # so many stay the same in a double
_MONEY_DIGITS, _MAX_DIGITS = 18, 38
_WORDS = {"text": "texts", "number": "numbers", "boolean": "true or false", "list": "lists", "object": "objects"}


@dataclass(slots=True)
class Digits:
    """What numbers need to be kept exactly.

    Attributes:
        whole: whether every one is whole and fits into 64 bits.
        double: whether a double keeps every one.
        before: most digits before the decimal point.
        places: most digits behind it.
    """

    whole: bool = True
    double: bool = True
    before: int = 1
    places: int = 0

    def see(self, number: Number) -> None:
        """Take one more number into account."""
        self.whole = self.whole and _WHOLE.fullmatch(number) is not None and -(2**63) <= int(number) < 2**63
        if self.double and len(number) > _EXACT_DIGITS:
            exact, found = exact_number(number), float(number)
            self.double = isfinite(found) and exact == Decimal(repr(found))
        if "e" in number or "E" in number:
            exact = exact_number(number)
            far = exact is None or abs(exact.adjusted()) > _MAX_DIGITS
            number = Number("9" * (_MAX_DIGITS + 1) if far else format(exact, "f"))
        whole, _, places = number.lstrip("-").partition(".")
        self.before, self.places = max(self.before, len(whole)), max(self.places, len(places))

    def merge(self, other: Digits) -> None:
        """Take other numbers into account, too."""
        self.whole, self.double = self.whole and other.whole, self.double and other.double
        self.before, self.places = max(self.before, other.before), max(self.places, other.places)

    @property
    def type(self) -> str:
        """The Iceberg type that keeps every number; text if none does."""
        if self.whole:
            return "long"
        if self.double:
            return "double"
        digits = self.before + self.places
        if digits > _MAX_DIGITS:
            return "string"
        return f"decimal({_MONEY_DIGITS if digits <= _MONEY_DIGITS else _MAX_DIGITS}, {self.places})"


@dataclass(slots=True)
class Shape:
    """What the values of one key, or of one place within them, are like.

    Attributes:
        kinds: the kinds of values that were seen; null does not count.
        digits: what the numbers are like.
        items: the shape of the values of lists.
        fields: the shapes of the values of objects, by key.
        objects: how many objects there were.
        keys: how many keys they had together.
    """

    kinds: set[Kind] = field(default_factory=set)
    digits: Digits = field(default_factory=Digits)
    items: Shape | None = None
    fields: dict[str, Shape] = field(default_factory=dict)
    objects: int = 0
    keys: int = 0

    def see(self, value: Any) -> None:
        """Take one more value into account."""
        if isinstance(value, Number):
            self.kinds.add("number")
            self.digits.see(value)
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
            self.objects, self.keys = self.objects + 1, self.keys + len(value)
            for key, each in value.items():
                self.fields.setdefault(key, Shape()).see(each)

    def merge(self, other: Shape) -> None:
        """Take the values of another place into account, too."""
        self.kinds |= other.kinds
        self.digits.merge(other.digits)
        self.objects, self.keys = self.objects + other.objects, self.keys + other.keys
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
        return "boolean" if kind == "boolean" else shape.digits.type
    if kind == "text" or depth >= _DEPTH:
        return "string"
    if shape.items is not None:
        return f"list<{nested_type(shape.items, depth + 1)}>"
    if _is_struct(shape):
        return struct_type([(key, nested_type(each, depth + 1)) for key, each in shape.fields.items()])
    return f"map<string, {nested_type(_merged(shape), depth + 1)}>"


def _merged(shape: Shape) -> Shape:
    """Return the shape of the values of objects, whatever their keys."""
    values = Shape()
    for each in shape.fields.values():
        values.merge(each)
    return values


def _is_struct(shape: Shape) -> bool:
    """Return whether the keys of objects are names of fields: few, and valid as names.

    Keys such as `regiao-imediata` are names where most objects have most of them, and their values differ in kind; else
    they are what a map is for.
    """
    names = {key.lower() for key in shape.fields}
    if len(names) < len(shape.fields) or not 0 < len(names) <= _FIELDS:
        return False
    if all(map(_FIELD.fullmatch, shape.fields)):
        return True
    if not all(is_field_name(key) and _NAMED.search(key) for key in shape.fields):
        return False
    return shape.keys >= _SHARED * shape.objects * len(names) and len(_merged(shape).kinds) > 1
