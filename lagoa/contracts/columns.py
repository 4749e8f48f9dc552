"""Reads the columns of a contract: types, keys, and limits, checked against the types."""

from __future__ import annotations

import re
import sys
import warnings
from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.contracts.contract import Bound, Column
from lagoa.contracts.formats import FORMATS
from lagoa.contracts.iceberg_types import INTEGERS, MOMENTS, NUMBERS, TYPES, IcebergType, parse_type
from lagoa.contracts.properties import ColumnProperties, custom_properties
from lagoa.domain.lists import cut
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import ENGINE_COLUMNS, IDENTIFIER, OWN_PREFIX, TableName
from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from open_data_contract_standard.model import SchemaProperty

    from lagoa.contracts.findings import Location
    from lagoa.contracts.yaml_file import ContractFile
    from lagoa.errors import FileError

_Text = TypeVar("_Text", bound=str)
_LOGICAL = {
    "int": "integer", "long": "integer", "float": "number", "double": "number", "decimal": "number", "date": "date",
    "time": "time", "timestamp": "timestamp", "timestamptz": "timestamp", "boolean": "boolean", "list": "array",
    "map": "map", "struct": "object",
}  # fmt: skip
_SHOWN = 60
_LONGEST_TEXT = 2**31 - 1
_TEXT_OPTIONS = ("minLength", "maxLength", "pattern", "format")
_RANGE_OPTIONS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_REFUSED = {
    "quality": "Write further checks in soda/<layer>/<table>.yaml.",
    "properties": "Write the whole type in physicalType: struct<name: type, …>.",
    "items": "Write the whole type in physicalType: list<type>.",
    "map": "Write the whole type in physicalType: map<type, type>.",
    "partitioned": "Set partitions in the table's custom property lagoa.partition.",
    "partitionKeyPosition": "Set partitions in the table's custom property lagoa.partition.",
}
# Escapes and classes of a regular expression: they contain no operators.
_ATOM = re.compile(r"\\(.)|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]", re.DOTALL)
# Constructs of Python and ECMA-262 that RE2, which runs the patterns, does not support.
_NOT_RE2 = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=|[a-z]*[aLux])|\\.|[*+?}]\+|\{(?:\d+,)?\d{4,}[,}]")
_NOT_RE2_ESCAPES = frozenset("123456789kZuN")


def read_column(file: ContractFile, number: int, found: SchemaProperty) -> Column:
    """Return column number `number` (from 0) of the contract.

    Raises:
        ContractError: with the line of the first invalid value.
    """
    reader = _ColumnReader(file, ("schema", 0, "properties", number), found)
    return reader.read()


def logical_type(kind: str) -> str:
    """Return the logical type of ODCS for an Iceberg type."""
    return _LOGICAL.get(parse_type(kind).name, "string")


class _ColumnReader:
    def __init__(self, file: ContractFile, place: Location, found: SchemaProperty) -> None:
        self.file = file
        self.place = place
        self.found = found
        self.name = found.name or ""

    def read(self) -> Column:
        found = self.found
        if not IDENTIFIER.fullmatch(self.name):
            advice = "Use lower-case letters, digits and underscores; the name in the files goes in lagoa.header."
            raise self.error(
                "name", f"{self.name!r} is not a valid column name." if self.name else "name is missing.", advice
            )
        if self.name.startswith(OWN_PREFIX) or self.name in ENGINE_COLUMNS:
            message = f"column {self.name}: the SQL engine adds a column of this name to the rows that it reads."
            raise self.error("name", message, "Choose another name; the name in the files goes in lagoa.header.")
        for key, advice in _REFUSED.items():
            if getattr(found, key):
                raise self.error(key, f"column {self.name}: {key} is not supported.", advice)
        if found.physicalName not in {None, self.name}:
            raise self.error("physicalName", f"column {self.name}: physicalName differs from name.", "Remove it.")
        kind = self._type()
        extra = custom_properties(self.file, ColumnProperties, self.place, found.customProperties)
        options = self._options(kind)
        headers = _listed(extra.header)
        return Column(
            name=self.name,
            type=str(kind),
            required=bool(found.required),
            unique=bool(found.unique),
            description=found.description or "",
            classification=found.classification,
            enum=self._enum(kind),
            pattern=options.get("pattern"),
            format=options.get("format"),
            minimum=options.get("minimum"),
            maximum=options.get("maximum"),
            exclusive_minimum=options.get("exclusiveMinimum"),
            exclusive_maximum=options.get("exclusiveMaximum"),
            min_length=options.get("minLength"),
            max_length=options.get("maxLength"),
            former_names=_listed(extra.former_name),
            former_fields={path: _listed(names) for path, names in extra.former_fields.items()},
            header=headers[0] if headers else None,
            other_headers=headers[1:],
            nulls=None if extra.nulls is None else tuple(extra.nulls),
            dates=_listed(extra.date),
            decimal=extra.decimal,
            thousands=extra.thousands,
            unit=extra.unit or "",
            severity=extra.severity,
            references=self._references(),
        )

    def error(self, key: str, message: str, advice: str = "") -> FileError:
        return self.file.error((*self.place, key), message, advice)

    def _type(self) -> IcebergType:
        text = self.found.physicalType
        if not text:
            advice = "Write an Iceberg type, such as long, string or decimal(10, 2)."
            raise self.error("physicalType", f"column {self.name}: physicalType is missing.", advice)
        try:
            kind = parse_type(text)
        except ValueError as error:
            raise self.error("physicalType", f"column {self.name}: {error}", TYPES) from error
        logical = logical_type(text)
        if self.found.logicalType not in {None, logical}:
            message = f"column {self.name}: logicalType {self.found.logicalType!r} does not match physicalType {kind}."
            raise self.error("logicalType", message, f"Write {logical}, or remove it.")
        return kind

    def _options(self, kind: IcebergType) -> dict[str, Any]:
        options = self.found.logicalTypeOptions or {}
        allowed: tuple[str, ...] = ()
        if kind.name == "string":
            allowed = _TEXT_OPTIONS
        elif kind.name in NUMBERS or kind.name in MOMENTS:
            allowed = _RANGE_OPTIONS
        read = {}
        for key, value in options.items():
            if key not in allowed:
                known = f"Known there: {', '.join(allowed)}." if allowed else "There are none for this type."
                message = f"column {self.name}: the option {key!r} is not known for {kind}.{did_you_mean(key, allowed)}"
                raise self._option_error(key, message, known)
            try:
                read[key] = _option(key, value, kind)
            except ValueError as error:
                raise self._option_error(key, f"column {self.name}: {key}: {error}", "Fix it, or remove it.") from error
        self._check_order(read)
        return read

    def _check_order(self, read: dict[str, Any]) -> None:
        pairs = [("minLength", "maxLength")]
        pairs += [(low, high) for low in _RANGE_OPTIONS[::2] for high in _RANGE_OPTIONS[1::2]]
        for low, high in pairs:
            if low not in read or high not in read:
                continue
            equal_is_empty = low.startswith("ex") or high.startswith("ex")
            if read[low] > read[high] or (equal_is_empty and read[low] == read[high]):
                message = f"column {self.name}: no value is allowed by {low} {read[low]} and {high} {read[high]}."
                raise self._option_error(high, message, "Fix one of the two.")

    def _option_error(self, key: str, message: str, advice: str) -> FileError:
        return self.file.error((*self.place, "logicalTypeOptions", key), message, advice)

    def _enum(self, kind: IcebergType) -> tuple[Any, ...]:
        values: list[Any] = []
        for number, each in enumerate(self.found.enum or []):
            place = (*self.place, "enum", number)
            try:
                value = _plain(each.value, kind)
            except ValueError as error:
                raise self.file.error(place, f"column {self.name}: enum: {error}", "Fix the value.") from error
            if value in values:
                raise self.file.error(place, f"column {self.name}: {value!r} is in enum twice.", "Remove one of them.")
            values.append(value)
        if self.found.enum == []:
            raise self.error("enum", f"column {self.name}: enum allows no value.", "List values, or remove it.")
        return tuple(values)

    def _references(self) -> tuple[TableName, str] | None:
        found = self.found.relationships or []
        if not found:
            return None
        if len(found) > 1:
            raise self.error("relationships", f"column {self.name} refers to two tables.", "Keep one of them.")
        each, place = found[0], (*self.place, "relationships", 0)
        if each.type not in {None, "foreignKey"}:
            message = f"column {self.name}: relationships of type {each.type!r} are not supported."
            raise self.file.error((*place, "type"), message, "Write foreignKey.")
        advice = "Write `to: layer.table.column`."
        table, _, column = each.to.rpartition(".") if isinstance(each.to, str) else ("", "", "")
        try:
            if each.from_ is None and IDENTIFIER.fullmatch(column):
                return TableName.parse(table), column
        except InvalidName:
            pass
        raise self.file.error((*place, "to"), f"column {self.name}: {each.to!r} is not a column of a table.", advice)


def _listed(names: _Text | Sequence[_Text] | None) -> tuple[_Text, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _option(key: str, value: Any, kind: IcebergType) -> Any:
    """Return an option's value, checked.

    Raises:
        ValueError: it is invalid.
    """
    if key in _RANGE_OPTIONS:
        return _bound(value, kind)
    if key in {"minLength", "maxLength"}:
        if type(value) is not int or not 0 <= value <= _LONGEST_TEXT:
            raise ValueError(f"{_short(value)} is not a number of characters.")
        return value
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not text; put it in quotes.")
    if key == "pattern":
        check_pattern(value)
    elif value not in FORMATS:
        raise ValueError(f"{value!r} is not known.{did_you_mean(value, FORMATS)} Known: {', '.join(sorted(FORMATS))}.")
    return value


def _bound(value: Any, kind: IcebergType) -> Bound:
    if kind.name in MOMENTS:
        return str(_plain(value, kind))
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_held(value):
        raise ValueError(f"{_short(value)} is not a number that a column can have.")
    return value


def _plain(value: Any, kind: IcebergType) -> bool | float | str:
    """Return a value as stored in a `Column`: times as ISO 8601 text.

    Raises:
        ValueError: it does not fit a column of this type.
    """
    if kind.name == "boolean" and isinstance(value, bool):
        return value
    if kind.name in INTEGERS and type(value) is int:
        return value
    if kind.name in NUMBERS - INTEGERS and type(value) in {int, float} and _is_held(value):
        return float(value) if type(value) is float else int(value)
    if kind.name in {"string", "uuid"} and isinstance(value, str):
        return value
    if kind.name in MOMENTS:
        return _moment(value, kind.name)
    quotes = " Put it in quotes." if kind.name == "string" and value is not None else ""
    raise ValueError(f"{_short(value)} is not of type {kind}.{quotes}")


def _is_held(number: float) -> bool:
    """Return whether a number is one, and no larger than the largest double."""
    return abs(number) <= sys.float_info.max


def _short(value: Any) -> str:
    """Return a value for a message; a number may have thousands of digits."""
    return cut(repr(value), _SHOWN)


def _moment(value: Any, kind: str) -> str:
    text = value.isoformat() if isinstance(value, date | datetime) else value
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat()
        if kind == "time":
            return time.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a {kind} in ISO 8601.") from None
    if kind == "timestamp":
        if moment.tzinfo is not None:
            raise ValueError(f"{value!r} has a time zone, and a timestamp has none.")
        return moment.isoformat(" ")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(" ")


@cache
def check_pattern(pattern: str) -> None:
    """Check that RE2 accepts a pattern, as far as possible without RE2.

    Raises:
        ValueError: a look-around, a back reference or another construct that RE2 lacks, or an invalid pattern.
    """
    operators = _ATOM.sub(lambda atom: atom[0] if atom[1] and atom[1] in _NOT_RE2_ESCAPES else "x", pattern)
    if unsupported := _NOT_RE2.search(operators):
        raise ValueError(
            f"{pattern!r} has {unsupported[0]!r}; look-arounds, back references, possessive repeats and repeats beyond "
            "999 are not supported by RE2, which runs the patterns."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about [[:alpha:]], which RE2 supports
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}.") from error
