"""Makes the columns of a stream from JSON records: scalars as text, nested values in their type."""

from __future__ import annotations

import codecs
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError
from lagoa.formats.shared.casts import Value
from lagoa.formats.shared.columns import without
from lagoa.formats.shared.json_nested import Misfit, arrow_type, make
from lagoa.formats.shared.json_values import Unreadable, read_object, texts_for
from lagoa.formats.shared.stream import RAW, stream_name, stream_schema
from lagoa.formats.shared.values import from_text, sql_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.formats.json.options import JsonSource
    from lagoa.formats.shared.refused import Fault


class JsonValues:
    """JSON records whose columns are known.

    Attributes:
        columns: the contract's columns; each record may have only some of them.
        raw: a record's bytes, as SQL over the stream.
        header: None, since each record names its fields itself.
        encoding: of the records.
    """

    raw = name_in_sql(RAW)
    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, source: JsonSource, file: str) -> None:
        """Read the contract.

        Raises:
            SourceError: an encoding that Lagoa does not support.
        """
        self.columns = tuple(column.name for column in contract.columns)
        self._contract = contract
        self.encoding = _encoding(source, file)
        self._written = source.spelling
        self._kinds = [(column, parse_type(column.type)) for column in contract.columns]
        self._renamed = [column for column in contract.columns if column.other_headers]
        self._known = {name for column in contract.columns for name in column.source_names}

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema: scalars as text, nested values in their type with a mark where one cannot be made."""
        import pyarrow as pa

        fields: dict[str, pa.DataType] = {}
        for column, kind in self._kinds:
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

    def read(self, records: Sequence[bytes]) -> tuple[pa.Table, dict[int, Fault]]:
        """Return the values of the readable records in the schema's order, and why the others are unreadable."""
        import pyarrow as pa

        found, bad = [], {}
        for number, record in enumerate(records):
            try:
                found.append(self._object(record))
            except Unreadable as error:
                bad[number] = error.fault
        arrays: list[pa.Array] = []
        for column, kind in self._kinds:
            values = [_value(each, column.source_names) for each in found]
            if kind.parts:
                arrays += _nested(values, kind)
            else:
                texts = pa.array(texts_for(values, kind), pa.string())
                arrays.append(without(texts, column.nulls or ()))
        return pa.Table.from_arrays(arrays, names=self.schema.names[5:]), bad

    def _object(self, record: bytes) -> dict[str, Any]:
        found = read_object(record, self.encoding)
        if found.keys() <= self._known:
            for column in self._renamed:
                if len(names := [name for name in column.source_names if name in found]) > 1:
                    raise Unreadable("keys", f"the keys {' and '.join(map(repr, names))} are both {column.name}")
            return found
        key = next(key for key in found if key not in self._known)
        reason = f"the key {key!r} is not in the contract of {self._contract.table}.{did_you_mean(key, self._known)}"
        raise Unreadable("keys", reason)


def _value(record: dict[str, Any], names: Sequence[str]) -> Any:
    """Return the value of the one name that a record has; None if it has none."""
    return next((record[name] for name in names if name in record), None)


def _mark(column: str) -> str:
    """Return the name of the column that marks where a nested value could not be made; no contract has such a name."""
    return f"{column}!"


def _nested(values: Sequence[Any], kind: IcebergType) -> list[pa.Array]:
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


def _encoding(source: JsonSource, file: str) -> str:
    encoding = codecs.lookup(source.encoding).name
    if encoding not in {"utf-8", "iso8859-1", "cp1252"}:
        raise SourceError(
            file,
            f"Lagoa does not read JSON in the encoding {source.encoding!r}.",
            f"JSON is UTF-8: convert it with `iconv -f {source.encoding} -t utf-8`, and write utf-8 in the contract.",
        )
    return encoding
