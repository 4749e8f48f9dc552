"""The spelling of Iceberg's types, partition transforms and sort fields in contracts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from lagoa.domain.suggestions import did_you_mean, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PRIMITIVES = (
    "boolean", "int", "long", "float", "double", "date", "time", "timestamp", "timestamptz", "string", "uuid", "binary",
)  # fmt: skip

INTEGERS = frozenset({"int", "long"})
NUMBERS = frozenset({"int", "long", "float", "double", "decimal"})
FLOATS = frozenset({"float", "double"})
MOMENTS = frozenset({"date", "time", "timestamp", "timestamptz"})
DATED = ("date", "timestamp", "timestamptz")
"""Types whose values have a date."""

_OTHER_NAMES = {
    "bigint": "long", "integer": "int", "smallint": "int", "tinyint": "int", "varchar": "string", "char": "string",
    "text": "string", "bool": "boolean", "datetime": "timestamp", "numeric": "decimal(p, s)", "number": "decimal(p, s)",
    "decimal": "decimal(p, s)", "real": "float", "array": "list<…>", "list": "list<…>", "map": "map<…, …>",
    "struct": "struct<name: …>", "object": "struct<name: …>", "bytes": "binary", "blob": "binary", "fixed": "fixed[n]",
}  # fmt: skip
TYPES = f"Types are {', '.join(PRIMITIVES)}, decimal(p, s), fixed[n], list<…>, map<…, …> and struct<name: …, …>."
"""The types, for messages."""

PARTITIONS = (
    "Partition fields are column, year(column), month(column), day(column), hour(column), bucket(n, column) and "
    "truncate(n, column)."
)
"""The partition fields, for messages."""

SORTS = "Sort fields are column, column desc, and these with nulls first or nulls last."
"""The sort fields, for messages."""

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|`[^`\x00-\x1f\x7f]+`|\d+|[<>(),:\[\]])")
_PLAIN_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ANY_FIELD = re.compile(r"[^`\s\x00-\x1f\x7f]+")
_TRANSFORM = re.compile(
    r"(?P<name>[a-z]+)\(\s*(?:(?P<size>\d{1,9})\s*,\s*)?(?P<inner>[a-z_][a-z0-9_]*)\s*\)|(?P<column>[a-z_][a-z0-9_]*)"
)
_SORT = re.compile(
    r"(?P<column>[a-z_][a-z0-9_]*)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE
)
_MAX_PRECISION = 38
MAX_DEPTH = 20
"""How deep types may be nested: far beyond any table."""

_TRANSFORMS = {
    "year": MOMENTS - {"time"},
    "month": MOMENTS - {"time"},
    "day": MOMENTS - {"time"},
    "hour": frozenset({"timestamp", "timestamptz"}),
    "bucket": frozenset(PRIMITIVES) - {"boolean", "float", "double"} | {"decimal", "fixed"},
    "truncate": frozenset({"int", "long", "decimal", "string", "binary"}),
    "identity": frozenset(PRIMITIVES) | {"decimal", "fixed"},
}


@dataclass(frozen=True, slots=True)
class IcebergType:
    """A type in a contract; its text is the canonical spelling.

    Attributes:
        name: `long`, `decimal`, `list`, …
        numbers: precision and scale of a decimal, length of a fixed.
        parts: element of a list, key and value of a map, fields of a struct, each with its name.
    """

    name: str
    numbers: tuple[int, ...] = ()
    parts: tuple[tuple[str, IcebergType], ...] = field(default=())

    def __str__(self) -> str:
        if self.name == "struct":
            return struct_type([(name, str(kind)) for name, kind in self.parts])
        if self.parts:
            return f"{self.name}<{', '.join(str(kind) for _, kind in self.parts)}>"
        if self.name == "fixed":
            return f"fixed[{self.numbers[0]}]"
        return f"{self.name}({', '.join(map(str, self.numbers))})" if self.numbers else self.name


def struct_type(fields: Sequence[tuple[str, str]]) -> str:
    """Return the spelling of a struct: a name that is no plain word stands between backticks."""
    spelled = (f"{name if _PLAIN_FIELD.fullmatch(name) else f'`{name}`'}: {kind}" for name, kind in fields)
    return f"struct<{', '.join(spelled)}>"


def is_field_name(name: str) -> bool:
    """Return whether a struct of files may have a field of a name: no space, backtick or control character in it."""
    return _ANY_FIELD.fullmatch(name) is not None


@cache
def parse_type(text: str) -> IcebergType:
    """Parse a type in Iceberg's spelling: `long`, `decimal(10, 2)`, `list<string>`, `struct<a: int, b: date>`.

    Raises:
        ValueError: it is not a type; the message says what is allowed.
    """
    tokens, end = [], 0
    while end < len(text.rstrip()):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ValueError(f"{text!r} is not an Iceberg type: unexpected {text[end:].strip()[0]!r}.")
        tokens.append(match[1])
        end = match.end()
    reader = _Tokens(text, tokens)
    kind = reader.type(0)
    reader.expect("")
    return kind


class _Tokens:
    """The tokens of a type's spelling, read from the left."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.tokens = [*tokens, ""]
        self.at = 0

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str:
        return self.tokens[self.at]

    def expect(self, *wanted: str) -> str:
        found = self.tokens[self.at]
        if found not in wanted:
            expected = " or ".join(repr(word) if word else "the end" for word in wanted)
            raise ValueError(f"{self.text!r} is not an Iceberg type: expected {expected} at {found or 'the end'!r}.")
        if found:
            self.at += 1
        return found

    def number(self) -> int:
        word = self.next()
        if not (word.isdigit() and len(word) < 10):  # noqa: PLR2004 - what a 32-bit integer surely holds
            raise ValueError(f"{self.text!r} is not an Iceberg type: expected a number at {word!r}.")
        return int(word)

    def type(self, depth: int) -> IcebergType:
        name = self.next()
        if depth > MAX_DEPTH:
            raise ValueError(f"{self.text!r} is nested too deeply.")
        if name in PRIMITIVES:
            return IcebergType(name)
        if name == "decimal" and self.peek() == "(":
            return self._decimal()
        if name == "fixed" and self.peek() in {"(", "["}:
            close = ")" if self.next() == "(" else "]"
            kind = IcebergType("fixed", (self.number(),))
            self.expect(close)
            return kind
        if name in {"list", "map", "struct"} and self.peek() == "<":
            self.next()
            parts = tuple(self._parts(name, depth + 1))
            self.expect(">")
            return IcebergType(name, (), parts)
        raise ValueError(f"{name or self.text!r} is not an Iceberg type.{_suggestion(name)}")

    def _decimal(self) -> IcebergType:
        self.expect("(")
        precision = self.number()
        self.expect(",")
        scale = self.number()
        self.expect(")")
        if not (0 < precision <= _MAX_PRECISION and scale <= precision):
            raise ValueError(
                f"{self.text!r}: a decimal has 1 to {_MAX_PRECISION} digits, and its scale is at most its precision."
            )
        return IcebergType("decimal", (precision, scale))

    def _parts(self, name: str, depth: int) -> Iterator[tuple[str, IcebergType]]:
        if name == "list":
            yield "element", self.type(depth)
        elif name == "map":
            yield "key", self.type(depth)
            self.expect(",")
            yield "value", self.type(depth)
        else:
            known: set[str] = set()
            while not known or self.peek() == ",":
                if known:
                    self.next()
                field_name = self.next()
                quoted = field_name.startswith("`")
                field_name = field_name.strip("`")
                if not (quoted or field_name.isidentifier()) or field_name.lower() in known:
                    raise ValueError(f"{self.text!r}: {field_name!r} is an invalid or duplicate field name.")
                known.add(field_name.lower())
                self.expect(":")
                yield field_name, self.type(depth)


def _suggestion(name: str) -> str:
    known = _OTHER_NAMES.get(name.lower())
    return suggestion([known]) if known else did_you_mean(name, PRIMITIVES)


@dataclass(frozen=True, slots=True)
class PartitionField:
    """One field of a partition: `month(x)` is (x, month, None), `bucket(16, x)` is (x, bucket, 16)."""

    column: str
    transform: str
    size: int | None = None

    @property
    def name(self) -> str:
        """The name of such a field in Spark and Iceberg's Java library."""
        if self.transform == "identity":
            return self.column
        return f"{self.column}_{'trunc' if self.transform == 'truncate' else self.transform}"

    @classmethod
    def parse(cls, text: str) -> PartitionField:
        """Parse `column`, `year(column)`, `month`, `day`, `hour`, `bucket(16, column)` or `truncate(4, column)`.

        Raises:
            ValueError: it is none of these.
        """
        match = _TRANSFORM.fullmatch(text.strip())
        name, size = (match["name"] or "identity", match["size"]) if match else ("", None)
        sized = name in {"bucket", "truncate"}
        if match is None or name not in _TRANSFORMS or sized is not bool(size and int(size)):
            raise ValueError(f"{text!r} is not a partition field.")
        return cls(match["inner"] or match["column"], name, int(size) if size else None)

    def check(self, type_name: str) -> None:
        """Check that the transform can be applied to a column of this type.

        Raises:
            ValueError: it cannot.
        """
        if parse_type(type_name).name not in _TRANSFORMS[self.transform]:
            allowed = ", ".join(sorted(_TRANSFORMS[self.transform]))
            raise ValueError(f"{self.transform} does not accept {self.column}, a {type_name}; it accepts {allowed}.")


@dataclass(frozen=True, slots=True)
class SortField:
    """One field of a sort order. By default nulls are first in ascending order and last in descending order."""

    column: str
    descending: bool = False
    nulls_first: bool = True

    @classmethod
    def parse(cls, text: str) -> SortField:
        """Parse `column`, `column desc`, `column asc nulls last`.

        Raises:
            ValueError: it is none of these.
        """
        match = _SORT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a sort field.")
        descending = (match["way"] or "asc").lower() == "desc"
        nulls_first = match["nulls"].lower() == "first" if match["nulls"] else not descending
        return cls(match["column"], descending, nulls_first)
