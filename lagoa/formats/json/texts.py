"""Refused records that are JSON objects, as text; and values of lists, maps and structs made from such text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import INTEGERS, parse_type
from lagoa.formats.json.nested import Misfit, arrow_type, make
from lagoa.formats.json.values import Number, Unreadable, as_number_text, as_text, read_object
from lagoa.formats.shared.stream import stream_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lagoa.contracts import Contract, Source
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.formats.shared.records import Fault

_EXACT = INTEGERS | {"decimal"}


def object_of(raw: bytes, source: Source, fault: Fault) -> dict[str, Any]:
    """Return the values of a record that is a JSON object, by its own names.

    Args:
        raw: its bytes; those of a Parquet row were written by Lagoa.
        source: the form of the table's files.
        fault: what was wrong with it before.

    Raises:
        Unreadable: it is none.
    """
    if source.format in {"json", "jsonl"}:
        return read_object(raw, source.encoding)
    try:  # a Parquet row may hold NaN and infinity, which JSON has not
        found = json.loads(raw.decode(), parse_float=Number, parse_int=Number, parse_constant=Number)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable(fault.rule, fault.reason)
    return found


def text_of(value: Any, column_type: str) -> str | None:
    """Return a JSON value as text, as the reader of JSON files takes it for a column of a type."""
    return as_number_text(value) if parse_type(column_type).name in _EXACT else as_text(value)


def is_shown(value: Any, kind: IcebergType) -> bool:
    """Return whether a Parquet row shows a value in place of one that JSON cannot say, such as bytes that are no text.

    Lagoa writes these as objects where the type has none.
    """
    if kind.name == "struct" and isinstance(value, dict):
        return any(is_shown(value.get(name), part) for name, part in kind.parts)
    if kind.name == "map" and isinstance(value, dict):
        return any(is_shown(each, kind.parts[1][1]) for each in value.values())
    if kind.name == "list" and isinstance(value, list):
        return any(is_shown(each, kind.parts[0][1]) for each in value)
    return isinstance(value, dict | list)


def made_name(column: str) -> str:
    """Return the name in the stream of a nested column's values; no column is named so."""
    return f"{stream_name(column)}made"


def misfit_name(column: str) -> str:
    """Return the name in the stream of the mark that a nested value could not be made."""
    return f"{stream_name(column)}misfit"


def is_made(kind: IcebergType) -> bool:
    """Return whether a type is nested and JSON has values of it."""
    try:
        arrow_type(kind)
    except ValueError:
        return False
    return bool(kind.parts)


def nested_columns(contract: Contract, records: Sequence[Mapping[str, str | None] | None]) -> dict[str, pa.Array]:
    """Return the values of each list, map and struct in its type, and marks where one could not be made."""
    import pyarrow as pa

    arrays: dict[str, pa.Array] = {}
    for column in contract.columns:
        kind = parse_type(column.type)
        if is_made(kind):
            texts = [record[column.name] if record else None for record in records]
            made = [_made(text, kind) for text in texts]
            arrays[made_name(column.name)] = pa.array([value for value, _ in made], arrow_type(kind))
            arrays[misfit_name(column.name)] = pa.array([misfit for _, misfit in made], pa.bool_())
    return arrays


def _made(text: str | None, kind: IcebergType) -> tuple[Any, bool]:
    if text is None:
        return None, False
    try:
        return make(read_object(b'{"value":' + text.encode() + b"}", "utf-8")["value"], kind), False
    except (Unreadable, Misfit, RecursionError):
        return None, True
