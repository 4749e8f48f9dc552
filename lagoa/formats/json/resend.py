"""Splits refused JSON records into columns again: numbers as they are written, nested values as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import parse_type
from lagoa.formats.shared.json_values import Unreadable, read_object, text_for
from lagoa.formats.shared.refused import Split, all_columns, find_columns

if TYPE_CHECKING:
    from lagoa.contracts.contract import Contract
    from lagoa.formats.json.options import JsonSource
    from lagoa.formats.shared.refused import Kept


def split_json(contract: Contract, source: JsonSource, record: Kept) -> Split:
    """Return the values of a record; see `Format.split`."""
    if record.header is not None:  # it does not name its fields itself: the table had files of another format
        return Split(None, record.fault)
    try:
        found = read_object(record.raw, source.encoding)
    except Unreadable as error:
        return Split(None, error.fault)
    columns, fault = find_columns(contract, found)
    if fault is not None:
        return Split(None, fault)
    texts = {
        column.name: text_for(value, parse_type(column.type))
        for column, value in zip(columns, found.values(), strict=True)
    }
    nulls = {column.name: column.nulls or () for column in columns}
    return Split(all_columns(contract, {name: None if text in nulls[name] else text for name, text in texts.items()}))
