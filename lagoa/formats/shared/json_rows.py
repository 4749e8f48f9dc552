"""Splits refused rows of typed files, which the quarantine keeps as JSON that Lagoa wrote, into columns again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.formats.shared.json_values import Number, text_for
from lagoa.formats.shared.refused import Split, all_columns, find_columns

if TYPE_CHECKING:
    from lagoa.contracts.contract import Contract
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.formats.shared.refused import Kept


def split_row(contract: Contract, record: Kept) -> Split:
    """Return the values of a row; see `Format.split`."""
    found = _read(record.raw) if record.header is None else None
    if found is None:  # the table had files of another format
        return Split(None, record.fault)
    columns, fault = find_columns(contract, found)
    if fault is not None:
        return Split(None, fault)
    values = [(column.name, parse_type(column.type), found[name]) for column, name in zip(columns, found, strict=True)]
    if any(_is_shown(value, kind) for _, kind, value in values):
        return Split(None, record.fault)
    return Split(all_columns(contract, {name: text_for(value, kind) for name, kind, value in values}))


def _read(raw: bytes) -> dict[str, Any] | None:
    """Return the values of a row by its own names, or None if the bytes are not a row; accept NaN and infinity."""
    try:
        found = json.loads(raw.decode(), parse_float=Number, parse_int=Number, parse_constant=Number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_shown(value: Any, kind: IcebergType) -> bool:
    """Return whether a row has a substitute for a value that JSON cannot express, such as bytes that are not text.

    Lagoa writes these as objects where the type has none.
    """
    if kind.name == "struct" and isinstance(value, dict):
        return any(_is_shown(value.get(name), part) for name, part in kind.parts)
    if kind.name == "map" and isinstance(value, dict):
        return any(_is_shown(each, kind.parts[1][1]) for each in value.values())
    if kind.name == "list" and isinstance(value, list):
        return any(_is_shown(each, kind.parts[0][1]) for each in value)
    return isinstance(value, dict | list)
