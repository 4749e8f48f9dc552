"""Encodes contracts as JSON for the cache, and decodes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.properties import ByBatch, ByTime, Features, Scd2
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lagoa.contracts.sources import SourceFormats

_ELSEWHERE = frozenset({"table", "file"})
"""Fields that are not encoded: they do not depend on the content of the contract."""


def _standard(kind: type[Contract | Column]) -> dict[str, Any]:
    """Return the default of each field; `MISSING` for required ones."""
    return {
        each.name: each.default if each.default_factory is MISSING else each.default_factory() for each in fields(kind)
    }


_STANDARDS = {kind: _standard(kind) for kind in (Contract, Column)}


def to_document(contract: Contract) -> str:
    """Return a contract as one line of JSON, without its table and file."""
    said = {name: value for name, value in _packed(contract).items() if name not in _ELSEWHERE}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def from_document(document: str, table: TableName, file: Path, formats: SourceFormats) -> Contract:
    """Return the contract that `to_document` encoded.

    Args:
        document: the encoded contract.
        table: its table.
        file: its file.
        formats: the formats of the files that tables are loaded from.
    """
    said: dict[str, Any] = json.loads(document)
    _unpack(said, tuple, ("key", "partition", "sort", "bloom", "dropped"))
    _unpack(said, MappingProxyType, ("drift", "severity"))
    if "source" in said:
        said["source"] = formats[said["source"]["format"]].options.model_validate(said["source"])
    _unpack(said, Scd2.model_validate, ("scd2",))
    _unpack(said, _incremental, ("incremental",))
    _unpack(said, Features.model_validate, ("features",))
    said["columns"] = tuple(map(_column, said["columns"]))
    return Contract(table=table, file=file, **said)


def _packed(value: Any) -> Any:
    """Return a value as JSON has it; of a contract and a column, what is not said is left out."""
    match value:
        case Contract() | Column():
            given = ((name, getattr(value, name), each) for name, each in _STANDARDS[type(value)].items())
            return {name: _packed(own) for name, own, standard in given if own != standard}
        case BaseModel():
            return value.model_dump(exclude_unset=True)
        case TableName():
            return str(value)
        case Mapping():
            return {key: _packed(each) for key, each in value.items()}
        case tuple():
            return [_packed(each) for each in value]
    return value


def _unpack(said: dict[str, Any], kind: Callable[[Any], Any], names: Iterable[str]) -> None:
    """Make of what JSON has in some fields what a contract has there."""
    for name in names:
        if name in said:
            said[name] = kind(said[name])


def _column(said: dict[str, Any]) -> Column:
    _unpack(said, tuple, ("enum", "former_names", "other_headers", "nulls", "dates"))
    _unpack(said, _former_fields, ("former_fields",))
    _unpack(said, _reference, ("references",))
    return Column(**said)


def _former_fields(said: dict[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    return {path: tuple(names) for path, names in said.items()}


def _reference(said: tuple[str, str]) -> tuple[TableName, str]:
    return TableName.parse(said[0]), said[1]


def _incremental(said: dict[str, Any]) -> ByTime | ByBatch:
    return (ByTime if said["by"] == "time" else ByBatch).model_validate(said)
