"""The spelling of Iceberg types, partition transforms and sort fields in contracts, and what PyIceberg makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.transforms import Transform
    from pyiceberg.types import IcebergType as PyIcebergType

PRIMITIVES = (
    "boolean", "int", "long", "float", "double", "date", "time", "timestamp", "timestamptz", "string", "uuid", "binary",
)  # fmt: skip

INTEGERS = frozenset({"int", "long"})
NUMBERS = frozenset({"int", "long", "float", "double", "decimal"})
MOMENTS = frozenset({"date", "time", "timestamp", "timestamptz"})

_OTHER_NAMES = {
    "bigint": "long", "integer": "int", "smallint": "int", "tinyint": "int", "varchar": "string", "char": "string",
    "text": "string", "bool": "boolean", "datetime": "timestamp", "numeric": "decimal(p, s)", "number": "decimal(p, s)",
    "decimal": "decimal(p, s)", "real": "float", "array": "list<…>", "list": "list<…>", "map": "map<…, …>",
    "struct": "struct<name: …>", "object": "struct<name: …>", "bytes": "binary", "blob": "binary", "fixed": "fixed[n]",
}  # fmt: skip
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|\d+|[<>(),:\[\]])")
_TRANSFORM = re.compile(
    r"(?P<name>[a-z]+)\(\s*(?:(?P<size>\d{1,9})\s*,\s*)?(?P<inner>[a-z_][a-z0-9_]*)\s*\)|(?P<column>[a-z_][a-z0-9_]*)"
)
_SORT = re.compile(
    r"(?P<column>[a-z_][a-z0-9_]*)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE
)
_MAX_PRECISION = 38
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
    """A type as a contract spells it; its text is the canonical spelling.

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
            return f"struct<{', '.join(f'{name}: {kind}' for name, kind in self.parts)}>"
        if self.parts:
            return f"{self.name}<{', '.join(str(kind) for _, kind in self.parts)}>"
        if self.name == "fixed":
            return f"fixed[{self.numbers[0]}]"
        return f"{self.name}({', '.join(map(str, self.numbers))})" if self.numbers else self.name


@cache
def parse_type(text: str) -> IcebergType:
    """Read a type in Iceberg's spelling: `long`, `decimal(10, 2)`, `list<string>`, `struct<a: int, b: date>`.

    Raises:
        ValueError: it is none; the text says what is allowed.
    """
    tokens, end = [], 0
    while end < len(text.rstrip()):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ValueError(f"{text!r} is no Iceberg type: {text[end:].strip()[0]!r} has no place in one")
        tokens.append(match[1])
        end = match.end()
    reader = _Tokens(text, tokens)
    kind = reader.type(0)
    reader.expect("")
    return kind


class _Tokens:
    """The words of one type's spelling, read from the left."""

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
            meant = " or ".join(repr(word) if word else "the end" for word in wanted)
            raise ValueError(f"{self.text!r} is no Iceberg type: {meant} must stand where {found or 'the end'!r} is")
        if found:
            self.at += 1
        return found

    def number(self) -> int:
        word = self.next()
        if not (word.isdigit() and len(word) < 10):  # noqa: PLR2004 - what a 32-bit integer surely holds
            raise ValueError(f"{self.text!r} is no Iceberg type: a number must stand where {word!r} is")
        return int(word)

    def type(self, depth: int) -> IcebergType:
        name = self.next()
        if depth > 20:  # noqa: PLR2004 - far beyond any table
            raise ValueError(f"{self.text!r} is nested too deeply")
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
        raise ValueError(f"{name or self.text!r} is no Iceberg type. {_advice(name)}")

    def _decimal(self) -> IcebergType:
        self.expect("(")
        precision = self.number()
        self.expect(",")
        scale = self.number()
        self.expect(")")
        if not (0 < precision <= _MAX_PRECISION and scale <= precision):
            raise ValueError(f"{self.text!r}: a decimal has 1 to {_MAX_PRECISION} digits, at most all behind the point")
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
                if not field_name.isidentifier() or field_name.lower() in known:
                    raise ValueError(f"{self.text!r}: {field_name!r} cannot be the name of another field")
                known.add(field_name.lower())
                self.expect(":")
                yield field_name, self.type(depth)


def _advice(name: str) -> str:
    meant = _OTHER_NAMES.get(name.lower()) or next(iter(get_close_matches(name.lower(), PRIMITIVES, 1)), None)
    allowed = f"Allowed are {', '.join(PRIMITIVES)}, decimal(p, s), fixed[n], list<…>, map<…, …>, struct<name: …>."
    return f"Did you mean {meant}? {allowed}" if meant else allowed


@dataclass(frozen=True, slots=True)
class PartitionField:
    """One field of a partition: `month(x)` is (x, month, None), `bucket(16, x)` is (x, bucket, 16)."""

    column: str
    transform: str
    size: int | None = None

    @property
    def name(self) -> str:
        """The name that Spark and Iceberg's Java library give such a field."""
        if self.transform == "identity":
            return self.column
        return f"{self.column}_{'trunc' if self.transform == 'truncate' else self.transform}"

    @classmethod
    def parse(cls, text: str) -> PartitionField:
        """Read `column`, `year(column)`, `month`, `day`, `hour`, `bucket(16, column)` or `truncate(4, column)`.

        Raises:
            ValueError: it is none of these.
        """
        match = _TRANSFORM.fullmatch(text.strip())
        name, size = (match["name"] or "identity", match["size"]) if match else ("", None)
        sized = name in {"bucket", "truncate"}
        if match is None or name not in _TRANSFORMS or sized is not bool(size and int(size)):
            known = "column, year(column), month(column), day(column), hour(column), bucket(n, column)"
            raise ValueError(f"{text!r} is no partition transform. Allowed are {known} and truncate(n, column).")
        return cls(match["inner"] or match["column"], name, int(size) if size else None)

    def check(self, kind: IcebergType) -> None:
        """Make sure that the transform takes a column of this type.

        Raises:
            ValueError: it does not.
        """
        if kind.name not in _TRANSFORMS[self.transform]:
            allowed = ", ".join(sorted(_TRANSFORMS[self.transform]))
            raise ValueError(f"{self.transform} does not take {self.column}, a {kind}; it takes {allowed}")


@dataclass(frozen=True, slots=True)
class SortField:
    """One field of a sort order. Nulls come first where the order rises and last where it falls, unless said."""

    column: str
    descending: bool = False
    nulls_first: bool = True

    @classmethod
    def parse(cls, text: str) -> SortField:
        """Read `column`, `column desc`, `column asc nulls last`.

        Raises:
            ValueError: it is none of these.
        """
        match = _SORT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no sort field. Write column, column desc, or column asc nulls last.")
        descending = (match["way"] or "asc").lower() == "desc"
        nulls_first = match["nulls"].lower() == "first" if match["nulls"] else not descending
        return cls(match["column"], descending, nulls_first)


def to_pyiceberg(kind: IcebergType, ids: Iterator[int]) -> PyIcebergType:
    """Return PyIceberg's type; nested fields take their ids from `ids` and are optional."""
    from pyiceberg import types

    if kind.name == "decimal":
        return types.DecimalType(*kind.numbers)
    if kind.name == "fixed":
        return types.FixedType(kind.numbers[0])
    if not kind.parts:
        plain: dict[str, Any] = {
            "boolean": types.BooleanType, "int": types.IntegerType, "long": types.LongType, "float": types.FloatType,
            "double": types.DoubleType, "date": types.DateType, "time": types.TimeType, "uuid": types.UUIDType,
            "timestamp": types.TimestampType, "timestamptz": types.TimestamptzType, "string": types.StringType,
            "binary": types.BinaryType,
        }  # fmt: skip
        return plain[kind.name]()  # type: ignore[no-any-return]
    numbers = [next(ids) for _ in kind.parts]
    inner = [to_pyiceberg(part, ids) for _, part in kind.parts]
    if kind.name == "list":
        return types.ListType(numbers[0], inner[0], element_required=False)
    if kind.name == "map":
        return types.MapType(numbers[0], inner[0], numbers[1], inner[1], value_required=False)
    names = [name for name, _ in kind.parts]
    fields = [types.NestedField(*each, required=False) for each in zip(numbers, names, inner, strict=True)]
    return types.StructType(*fields)


def build_schema(columns: Sequence[tuple[str, str, bool, str]], key: Sequence[str]) -> Schema:
    """Return the schema of columns given as (name, type, required, description), with ids from 1.

    The ids are for a table that is made; an existing table has its own.
    """
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    ids = count(len(columns) + 1)
    fields = [
        NestedField(number, name, to_pyiceberg(parse_type(kind), ids), required=required, doc=description or None)
        for number, (name, kind, required, description) in enumerate(columns, 1)
    ]
    return Schema(*fields, identifier_field_ids=[each.field_id for each in fields if each.name in key])


def build_partition_spec(partition: Sequence[str], schema: Schema) -> PartitionSpec:
    """Return the partition spec of a table that has this schema."""
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, UNPARTITIONED_PARTITION_SPEC, PartitionSpec
    from pyiceberg.partitioning import PartitionField as SpecField

    if not partition:
        return UNPARTITIONED_PARTITION_SPEC
    fields = [
        SpecField(schema.find_field(each.column).field_id, number, _transform(each), each.name)
        for number, each in enumerate(map(PartitionField.parse, partition), PARTITION_FIELD_ID_START)
    ]
    return PartitionSpec(*fields)


def build_sort_order(sort: Sequence[str], schema: Schema) -> SortOrder:
    """Return the sort order of a table that has this schema."""
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortDirection, SortOrder
    from pyiceberg.table.sorting import SortField as OrderField
    from pyiceberg.transforms import IdentityTransform

    if not sort:
        return UNSORTED_SORT_ORDER
    fields = [
        OrderField(
            schema.find_field(each.column).field_id,
            IdentityTransform(),
            SortDirection.DESC if each.descending else SortDirection.ASC,
            NullOrder.NULLS_FIRST if each.nulls_first else NullOrder.NULLS_LAST,
        )
        for each in map(SortField.parse, sort)
    ]
    return SortOrder(*fields)


def _transform(each: PartitionField) -> Transform[Any, Any]:
    from pyiceberg import transforms

    if each.size is not None:
        sized: Any = transforms.BucketTransform if each.transform == "bucket" else transforms.TruncateTransform
        return sized(each.size)  # type: ignore[no-any-return]
    return transforms.parse_transform(each.transform)
