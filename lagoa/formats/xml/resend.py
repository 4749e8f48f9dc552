"""Splits refused XML records into columns again: scalars as text, nested values as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.formats.shared.json_nested import Misfit
from lagoa.formats.shared.json_values import Unreadable, dumped
from lagoa.formats.shared.refused import Fault, Split, all_columns
from lagoa.formats.xml.columns import XmlColumns, shaped, text_of
from lagoa.formats.xml.parser import Malformed, read_fragment

if TYPE_CHECKING:
    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.shared.refused import Kept
    from lagoa.formats.xml.options import XmlSource


def split_xml(contract: Contract, source: XmlSource, record: Kept) -> Split:
    """Return the values of a record; see `Format.split`."""
    scope = record.header or ()
    if not record.raw.startswith(b"<") or not all(each.startswith("xmlns") and "=" in each for each in scope):
        return Split(None, record.fault)  # the table had files of another format
    try:
        found = XmlColumns(contract, source, _all_names).place(read_fragment(record.raw, scope, source.encoding))
        texts = {column.name: _text(column, found[column.name]) for column in contract.columns if column.name in found}
    except Malformed as error:
        return Split(None, Fault("xml", str(error)))
    except ValueError as error:
        return Split(None, error.fault if isinstance(error, Unreadable) else Fault("keys", str(error)))
    nulls = {column.name: column.nulls or () for column in contract.columns}
    return Split(all_columns(contract, {name: None if text in nulls[name] else text for name, text in texts.items()}))


def _all_names(column: Column) -> tuple[str, ...]:
    """Return the names that a column has or had in files, each once."""
    return tuple(dict.fromkeys((*column.source_names, column.name, *column.former_names)))


def _text(column: Column, value: Any) -> str | None:
    kind = parse_type(column.type)
    if not kind.parts:
        return text_of(value, column.name, column.type)
    try:
        made = shaped(value, kind)
    except Misfit:
        raise Unreadable(f"type/{column.name}", f"{column.name} is no {column.type}") from None
    return None if made is None else dumped(made)
