"""The columns of a stream from records that are read here: scalars as text, nested values in their type."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.casts import Value
from lagoa.formats.shared.columns import without
from lagoa.formats.shared.json_nested import Misfit, arrow_type, make
from lagoa.formats.shared.stream import RAW, stream_name, stream_schema
from lagoa.formats.shared.values import from_text, sql_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.contracts.sources import Source


class NestedValues:
    """Records whose columns are known.

    Attributes:
        columns: the contract's columns; each record may have only some of them.
        kinds: these columns with their types.
        raw: a record's bytes, as SQL over the stream.
    """

    raw = name_in_sql(RAW)

    def __init__(self, contract: Contract, source: Source) -> None:
        self.columns = tuple(column.name for column in contract.columns)
        self.kinds = [(column, parse_type(column.type)) for column in contract.columns]
        self._written = source.spelling

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema: scalars as text, nested values in their type with a mark where one cannot be made."""
        import pyarrow as pa

        fields: dict[str, pa.DataType] = {}
        for column, kind in self.kinds:
            fields[column.name] = arrow_type(kind) if kind.parts else pa.string()
            if kind.parts:
                fields[_mark(column.name)] = pa.bool_()
        return stream_schema(fields)

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` if JSON cannot express the type."""
        kind, name = parse_type(column.type), name_in_sql(stream_name(column.name))
        if not kind.parts:
            return from_text(name, name_in_sql(column.name), column.type, column.spelling(self._written))
        arrow_type(kind)
        if "uuid" in column.type:  # passed on as text
            name = f"CAST({name} AS {sql_type(column.type)})"
        return Value(name, (name_in_sql(stream_name(_mark(column.name))),))


def texts_of(texts: Sequence[str | None], column: Column) -> pa.Array:
    """Return the texts of a column of scalars, with null for its words for null."""
    import pyarrow as pa

    return without(pa.array(texts, pa.string()), column.nulls or ())


def nested_of(values: Sequence[Any], kind: IcebergType) -> list[pa.Array]:
    """Return values as JSON has them in their nested type, and marks where one does not fit."""
    import pyarrow as pa

    made, misfits = [], []
    for value in values:
        try:
            made.append(make(value, kind))
            misfits.append(False)
        except (Misfit, RecursionError):
            made.append(None)
            misfits.append(True)
    return [pa.array(made, arrow_type(kind)), pa.array(misfits)]


def _mark(column: str) -> str:
    """Return the name of the column that marks where a nested value could not be made; no contract has such a name."""
    return f"{column}!"
