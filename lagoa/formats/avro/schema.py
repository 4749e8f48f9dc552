"""Reads the schema in an Avro file's header: which types its columns have, and which Lagoa refuses by name."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.contracts.iceberg_types import MAX_DEPTH
from lagoa.domain.lists import cut, repeated
from lagoa.formats.avro.kinds import (
    Boolean,
    Duration,
    Enum,
    Exact,
    Int,
    Kind,
    List,
    Map,
    Nullable,
    Record,
    Text,
    Uuid,
    field_name,
)
from lagoa.formats.shared.arrow_types import MAX_PRECISION

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

_NAMED = frozenset({"record", "error", "enum", "fixed"})
_MOST = 25_000
"""Types in a schema, those that are named again counted again."""

_OTHERS = 62
"""Branches behind those of a union: they take every other number of one byte, negative ones among them.

fastavro counts negative numbers from the end. The branches have more bytes than a block, so reading one fails.
"""
_HUGE = 2**30
_UUID, _DURATION = 16, 12
_SHOWN = 80


class Unread(ValueError):
    """Why a schema cannot be read, in words."""


class AvroColumn(NamedTuple):
    """A column of a file: its name there, its type, and both as Arrow has them."""

    name: str
    kind: Kind
    field: pa.Field


def read_schema(text: str) -> Record:
    """Return the type of a file's records.

    Raises:
        Unread: why the schema cannot be read, in words.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unread("its schema is not JSON") from error
    kind = _Schema().kind(found, "", 0)
    if not isinstance(kind, Record):
        raise Unread(f"it has values of the type {kind.name}, not records")
    if kind.is_empty:
        raise Unread("its records have no field with bytes, so nothing shows how many there are")
    return kind


def columns_of(record: Record) -> list[AvroColumn]:
    """Return the columns of a file."""
    import pyarrow as pa

    return [
        AvroColumn(name, kind, pa.field(name, kind.arrow, nullable=isinstance(kind, Nullable) or kind.name == "null"))
        for name, kind in record.fields
    ]


class _Schema:
    """One schema: the types that it has named so far, and those that are around the one being read."""

    def __init__(self) -> None:
        self._named: dict[str, tuple[Any, str]] = {}
        self._around: list[str] = []
        self._count = 0
        self._names = count(1)

    def kind(self, schema: Any, space: str, depth: int, place: str = "") -> Kind:
        """Return a type.

        Args:
            schema: as JSON.
            space: the namespace of names without one.
            depth: how many types are around it.
            place: the field that has it, for messages.
        """
        where = f"its field {cut(place, _SHOWN)!r}" if place else "its schema"
        self._count += 1
        if depth > MAX_DEPTH + 1 or self._count > _MOST:
            raise Unread(f"{where} is nested more than {MAX_DEPTH} deep, or its schema is too long")
        if isinstance(schema, list):
            return self._union(schema, space, depth, place, where)
        if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
            return self.kind(schema.get("type"), space, depth, place)
        given: Mapping[str, Any] = schema if isinstance(schema, dict) else {"type": schema}
        if not isinstance(given.get("type"), str):
            raise Unread(f"{where} has no type")
        return self._of(given, space, depth, place, where)

    def _of(self, given: Mapping[str, Any], space: str, depth: int, place: str, where: str) -> Kind:
        """Return the type that `type` names."""
        name: str = given["type"]
        if name in _NAMED:
            return self._define(given, space, depth, place, where)
        if name == "array":
            return _list(self.kind(given.get("items"), space, depth + 1, f"{place}[]"), where)
        if name == "map":
            return self._map(given, space, depth, place)
        if name == "boolean":
            return _boolean(self._bytes(1))
        plain = _plain(name, given, where)
        return plain if plain is not None else self._again(name, space, depth, place, where)

    def _union(self, branches: list[Any], space: str, depth: int, place: str, where: str) -> Kind:
        others = [each for each in branches if each not in ("null", {"type": "null"})]
        if len(others) != 1 or len(branches) > 2:  # noqa: PLR2004 - null and one other
            names = " or ".join(cut(_name(each), _SHOWN) for each in branches[:10])
            raise Unread(
                f"{where} is a union ({names or 'of nothing'}), and Lagoa reads those of null and one other type"
            )
        value = self.kind(others[0], space, depth, place)
        read = self._branches([value.read if each is others[0] else "null" for each in branches])
        return Nullable(name=value.name, read=read, arrow=value.arrow, makes=value.makes, value=value)

    def _branches(self, read: list[Any]) -> list[Any]:
        beyond = self._bytes(_HUGE)
        return [*read, beyond, *[beyond["name"]] * (_OTHERS - len(read))]

    def _bytes(self, size: int) -> dict[str, Any]:
        """Return what reads so many bytes, under a name of its own."""
        return {"type": "fixed", "name": f"lagoa.bytes{next(self._names)}", "size": size}

    def _map(self, given: Mapping[str, Any], space: str, depth: int, place: str) -> Map:
        import pyarrow as pa

        key = Text(name="string", read="bytes", arrow=pa.string())
        value = self.kind(given.get("values"), space, depth + 1, f"{place}{{}}")
        fields = [{"name": "key", "type": key.read}, {"name": "value", "type": value.read}]
        read = {"type": "array", "items": self._record(fields)}
        return Map(name=f"map of {value.name}", read=read, arrow=pa.map_(key.arrow, value.arrow), key=key, value=value)

    def _record(self, fields: list[dict[str, Any]]) -> dict[str, Any]:
        return {"type": "record", "name": f"lagoa.record{next(self._names)}", "fields": fields}

    def _again(self, name: str, space: str, depth: int, place: str, where: str) -> Kind:
        """Return the type that was named before."""
        full = name if "." in name or not space else f"{space}.{name}"
        full = full if full in self._named else name
        if full not in self._named:
            raise Unread(f"{where} has the type {cut(name, _SHOWN)!r}, which its schema does not define")
        if full in self._around:
            raise Unread(f"{where} is a {cut(name, _SHOWN)!r} inside another one: a table has no recursion")
        definition, own = self._named[full]
        return self._define(definition, own, depth, place, where)

    def _define(self, given: Mapping[str, Any], space: str, depth: int, place: str, where: str) -> Kind:
        import pyarrow as pa

        short, own = given.get("name"), given.get("namespace")
        if not isinstance(short, str) or not short:
            raise Unread(f"{where} has a {given['type']} without a name")
        if "." in short:
            own = short.rpartition(".")[0]
        space = own if isinstance(own, str) else space
        full = short if "." in short or not space else f"{space}.{short}"
        self._named.setdefault(full, (given, space))
        if given["type"] == "enum":
            symbols = given.get("symbols")
            if not isinstance(symbols, list) or not symbols or not all(isinstance(each, str) for each in symbols):
                raise Unread(f"{where} has the enum {cut(short, _SHOWN)!r} without symbols")
            return Enum(name=f"enum {short}", read="int", arrow=pa.string(), symbols=tuple(symbols))
        if given["type"] == "fixed":
            size = given.get("size")
            if type(size) is not int or not 0 <= size < _HUGE:
                raise Unread(f"{where} has the fixed {cut(short, _SHOWN)!r} without a size")
            return _fixed(self._bytes(size), given, where)
        self._around.append(full)
        fields = self._fields(given.get("fields"), space, depth, place, where)
        self._around.pop()
        read = [{"name": field_name(number), "type": kind.read} for number, (_, kind) in enumerate(fields)]
        arrow = pa.struct([(name, kind.arrow) for name, kind in fields])
        empty = all(kind.is_empty for _, kind in fields)
        return Record(
            name=f"record {short}", read=self._record(read), arrow=arrow, is_empty=empty, fields=tuple(fields)
        )

    def _fields(self, given: Any, space: str, depth: int, place: str, where: str) -> list[tuple[str, Kind]]:
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise Unread(f"{where} is a record without fields")
        names = [each.get("name") for each in given]
        if not all(isinstance(name, str) for name in names):
            raise Unread(f"{where} has a field without a name")
        if len(set(names)) < len(names):
            raise Unread(f"{where} has the field {cut(str(repeated(names)), _SHOWN)!r} twice")
        return [
            (each["name"], self.kind(each.get("type"), space, depth + 1, f"{place}.{each['name']}".lstrip(".")))
            for each in given
        ]


def _name(schema: Any) -> str:
    """Return the name of a branch of a union, for a message."""
    if isinstance(schema, dict):
        return str(schema.get("name") or schema.get("logicalType") or schema.get("type"))
    return str(schema)


def _list(item: Kind, where: str) -> List:
    import pyarrow as pa

    if item.is_empty:
        raise Unread(f"{where} is an array of values without bytes, so nothing shows how many there are")
    read = {"type": "array", "items": item.read}
    return List(name=f"array of {item.name}", read=read, arrow=pa.list_(item.arrow), makes=item.makes, item=item)


def _plain(name: str, given: Mapping[str, Any], where: str) -> Kind | None:
    """Return a type without parts or name of its own; None if it is the name of another one."""
    import pyarrow as pa

    logical = given.get("logicalType")
    moments: dict[tuple[str, Any], pa.DataType] = {
        ("int", "date"): pa.date32(),
        ("int", "time-millis"): pa.time32("ms"),
        ("long", "time-micros"): pa.time64("us"),
    }
    for unit, short in (("millis", "ms"), ("micros", "us"), ("nanos", "ns")):
        moments["long", f"timestamp-{unit}"] = pa.timestamp(short, "UTC")
        moments["long", f"local-timestamp-{unit}"] = pa.timestamp(short)
    if (name, logical) in moments:
        return Kind(name=str(logical), read=name, arrow=moments[name, logical])
    if name == "bytes" and logical == "decimal":
        return _decimal("bytes", given, where)
    simple: dict[str, Kind] = {
        "null": Kind(name="null", read="null", arrow=pa.null(), is_empty=True),
        "int": Int(name=name, read="int", arrow=pa.int32()),
        "long": Kind(name=name, read="long", arrow=pa.int64()),
        "float": Kind(name=name, read="float", arrow=pa.float32()),
        "double": Kind(name=name, read="double", arrow=pa.float64()),
        "bytes": Kind(name=name, read="bytes", arrow=pa.binary()),
        "string": Text(name="uuid" if logical == "uuid" else name, read="bytes", arrow=pa.string()),
    }
    return simple.get(name)


def _boolean(read: Any) -> Boolean:
    import pyarrow as pa

    return Boolean(name="boolean", read=read, arrow=pa.bool_())


def _fixed(read: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Kind:
    import pyarrow as pa

    size, logical = read["size"], given.get("logicalType")
    if logical == "decimal":
        return _decimal(read, given, where)
    if (logical, size) == ("uuid", _UUID):
        return Uuid(name="uuid", read=read, arrow=pa.string())
    if (logical, size) == ("duration", _DURATION):
        parts = [(part, pa.uint32()) for part in ("months", "days", "milliseconds")]
        return Duration(name="duration", read=read, arrow=pa.struct(parts))
    return Kind(name=f"fixed of {size} bytes", read=read, arrow=pa.binary(size), is_empty=not size)


def _decimal(read: Any, given: Mapping[str, Any], where: str) -> Exact:
    import pyarrow as pa

    precision, scale = given.get("precision"), given.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision or not precision:
        raise Unread(f"{where} is a decimal of precision {precision!r} and scale {scale!r}")
    if precision > MAX_PRECISION:
        raise Unread(f"{where} is a decimal of {precision} digits, and {MAX_PRECISION} are the most")
    arrow = pa.decimal128(precision, scale)
    return Exact(name=f"decimal({precision}, {scale})", read=read, arrow=arrow, precision=precision, scale=scale)
