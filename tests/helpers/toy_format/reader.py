"""Reads key-value files, a record a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.refused import Fault, Split, all_columns, find_columns
from lagoa.formats.shared.stream import RAW, Stream, stream_name, stream_schema, to_batches
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts import Column, Contract
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.files import SourceFile
    from toy_format.options import KvSource


class KvReader:
    """A key-value file whose columns are known."""

    scan = None

    raw = name_in_sql(RAW)
    header = None

    def __init__(self, contract: Contract, source: KvSource, file: SourceFile) -> None:
        self.columns = tuple(column.name for column in contract.columns)
        self._contract = contract
        self._source = source
        self._file = file

    def stream(self) -> Stream:
        return Stream(self._schema, self._batches(), self._file)

    def value(self, column: Column) -> Value:
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        return from_text(text, made, column.type, self._source.spelling)

    @property
    def _schema(self) -> pa.Schema:
        return stream_schema(dict.fromkeys(self.columns, pa.string()))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._file.open() as stream:
            lines = stream.readlines()
        split = [split_line(self._contract, self._source, line) for line in lines]
        good = [each.values for each in split if each.values is not None]
        columns = [pa.array([values[name] for values in good], pa.string()) for name in self.columns]
        offsets = [sum(map(len, lines[:number])) for number in range(len(lines))]
        numbers = range(1, len(lines) + 1)
        places = [pa.array(numbers, pa.int64()), pa.array(offsets, pa.int64()), pa.array(lines, pa.binary())]
        bad = {number: each.fault for number, each in enumerate(split) if each.fault is not None}
        values = pa.Table.from_arrays(columns, names=self._schema.names[5:])
        yield from to_batches(self._schema, values, places, bad)


def pairs(source: KvSource, line: bytes) -> dict[str, str]:
    """Return the fields of a record; raises `ValueError` when one has no `=`."""
    fields = line.decode(source.encoding).rstrip("\r\n").split(source.between)
    return dict(field.split("=", 1) for field in fields)


def split_line(contract: Contract, source: KvSource, line: bytes) -> Split:
    """Return the values of a record as text, or why it cannot be read."""
    try:
        found = pairs(source, line)
    except ValueError:
        return Split(None, Fault("pairs", "a field without ="))
    columns, fault = find_columns(contract, found)
    if fault is not None:
        return Split(None, fault)
    names = [column.name for column in columns]
    return Split(all_columns(contract, dict(zip(names, found.values(), strict=True))))
