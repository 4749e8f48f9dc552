"""Reads files whose values have types: Arrow batches become a stream, and a row that no table takes is shown as JSON.

A value is accepted unchanged, or in the contract's type if that loses nothing; otherwise the row is refused. A row is
not a sequence of bytes in the file: the quarantine shows it as JSON.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.arrow_faults import as_json, find_faults
from lagoa.formats.shared.arrow_types import held, picked, recast, value_of
from lagoa.formats.shared.columns import match_columns
from lagoa.formats.shared.stream import Stream, row_as_json, stream_name, stream_schema, to_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.refused import Fault
    from lagoa.formats.shared.stream import EngineScan

    Shown = Mapping[str, Mapping[int, object]]

_NONE: Shown = MappingProxyType({})


class ArrowReader(ABC):
    """A file whose columns have types.

    Attributes:
        columns: the contract's columns that the file has, in the file's order.
        header: None, since the quarantine shows a row with its column names.
        scan: None: the engine gets the stream.
    """

    header: tuple[str, ...] | None = None
    scan: EngineScan | None = None

    def __init__(self, contract: Contract, file: SourceFile, fields: Sequence[pa.Field]) -> None:
        """Match the columns.

        Args:
            contract: of the table.
            file: the file.
            fields: its columns.

        Raises:
            SourceError: they do not fit the contract.
        """
        self._file = file
        self._fields = list(fields)
        self.columns = match_columns(contract, [field.name for field in self._fields], str(file.path))
        self._types = {column.name: column.type for column in contract.columns}

    @property
    def raw(self) -> str:
        """A row as JSON, as SQL over the stream."""
        return row_as_json(self.columns)

    def stream(self) -> Stream:
        """Return the rows from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema."""
        kinds = [held(field.type) for field in self._fields]
        return stream_schema(dict(zip(self.columns, kinds, strict=True)))

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream.

        Raises:
            ValueError: the file's type has no values of the contract's type.
        """
        field = self._fields[self.columns.index(column.name)]
        return value_of(name_in_sql(stream_name(column.name)), name_in_sql(column.name), field.type, column.type)

    @abstractmethod
    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the stream; raises `SourceError` if the file cannot be read to its end."""

    def _judged(
        self,
        columns: Mapping[str, pa.Array],
        rows: range,
        known: Mapping[int, Fault] = MappingProxyType({}),
        shown: Shown = _NONE,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows as batches of the stream.

        Args:
            columns: their values by the contract's names, `unpacked`.
            rows: their numbers.
            known: what is known to be wrong with some, by index.
            shown: what JSON shows in place of a value, by column and index.
        """
        import numpy as np
        import pyarrow as pa

        faults = {**find_faults(columns, self._types), **known}
        raw = pa.nulls(len(rows), pa.binary())
        if faults:
            good = np.setdiff1d(np.arange(len(rows)), list(faults))
            texts = dict(zip(sorted(faults), as_json(columns, sorted(faults), shown), strict=True))
            raw = pa.array([texts.get(index) for index in range(len(rows))], pa.binary())
            columns = {name: picked(array, good) for name, array in columns.items()}
        values = pa.table({name: recast(array, held(array.type), checked=True) for name, array in columns.items()})
        yield from to_batches(self.schema, values, [pa.array(rows), pa.nulls(len(rows), pa.int64()), raw], faults)
