"""Refused records as text again: split from their bytes into the contract's columns, as far as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.registry import FORMATS
from lagoa.formats.shared.casts import Value
from lagoa.formats.shared.json_nested import Misfit, arrow_type, make
from lagoa.formats.shared.json_values import Unreadable, read_object
from lagoa.formats.shared.refused import Split
from lagoa.formats.shared.stream import RAW, stream_name
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lagoa.contracts import Column, Contract, Source
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.formats.shared.refused import Kept, Texts


def split_records(contract: Contract, source: Source, records: Sequence[Kept], *, alone: bool) -> list[Split]:
    """Return the values of each record by the current contract; fixed values replace those received.

    A record that cannot be split counts as split if every column of it was fixed.

    Args:
        contract: of the table that refused the records.
        source: the form of its files.
        records: the records.
        alone: whether each line that broken quoting damaged is one record. It may also be text from within a field,
            so a person has to decide.
    """
    found = FORMATS[source.format].split(contract, source, records, alone=alone)
    return [_fixed(contract, split, record.fixed) for split, record in zip(found, records, strict=True)]


def _fixed(contract: Contract, found: Split, fixed: Texts) -> Split:
    if not fixed:
        return found
    names = {column.name for column in contract.columns}
    known = {name: value for name, value in fixed.items() if name in names}
    if found.values is not None:
        return Split({**found.values, **known})
    return Split(known) if names == known.keys() else found


class TextRecords:
    """Records whose values are text, with all columns of the contract: the input of `RowSql`.

    Attributes:
        columns: the contract's columns.
        raw: a record's bytes, as SQL over the stream.
        header: None, since the quarantine already has the names of their fields.
    """

    raw = name_in_sql(RAW)
    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, source: Source) -> None:
        self.columns = tuple(column.name for column in contract.columns)
        self._written = source.spelling

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` if text cannot express the type."""
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        kind = parse_type(column.type)
        if kind.parts and not _is_made(kind):
            return Value("NULL", (f"{text} IS NOT NULL",))
        if kind.parts:
            return Value(name_in_sql(_made_name(column.name)), (name_in_sql(_misfit_name(column.name)),))
        if kind.name in {"binary", "fixed"}:
            return Value(f"TRY_CAST({text} AS BLOB)", (f"{text} IS NOT NULL AND {made} IS NULL",))
        return from_text(text, made, column.type, column.spelling(self._written))


def _made_name(column: str) -> str:
    """Return the stream's name for the values of a nested column; no column of a contract has such a name."""
    return f"{stream_name(column)}made"


def _misfit_name(column: str) -> str:
    """Return the stream's name for the mark that a nested value could not be made."""
    return f"{stream_name(column)}misfit"


def _is_made(kind: IcebergType) -> bool:
    """Return whether a type is nested and JSON can express its values."""
    try:
        arrow_type(kind)
    except ValueError:
        return False
    return bool(kind.parts)


def nested_columns(contract: Contract, records: Sequence[Mapping[str, str | None] | None]) -> dict[str, pa.Array]:
    """Return the values of each list, map and struct column in its type, and marks where one could not be made."""
    import pyarrow as pa

    arrays: dict[str, pa.Array] = {}
    for column in contract.columns:
        kind = parse_type(column.type)
        if _is_made(kind):
            texts = [record[column.name] if record else None for record in records]
            made = [_made(text, kind) for text in texts]
            arrays[_made_name(column.name)] = pa.array([value for value, _ in made], arrow_type(kind))
            arrays[_misfit_name(column.name)] = pa.array([misfit for _, misfit in made], pa.bool_())
    return arrays


def _made(text: str | None, kind: IcebergType) -> tuple[Any, bool]:
    if text is None:
        return None, False
    try:
        return make(read_object(b'{"value":' + text.encode() + b"}", "utf-8")["value"], kind), False
    except (Unreadable, Misfit, RecursionError):
        return None, True
