"""Rows in memory, of pandas, Arrow, Polars and whatever gives an Arrow stream: each value exactly, or the write fails.

They are read by the rules of Parquet files, with two differences: a row that does not fit ends the write, since there
is no quarantine for it, and text is text only (or a UUID), since a program has numbers and dates as such.
"""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_schema import from_pyiceberg
from lagoa.domain.lists import repeated
from lagoa.domain.refusals import refusal_in_sql, refusal_of
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import WriteError
from lagoa.formats.shared.arrow_faults import find_faults, shown
from lagoa.formats.shared.arrow_types import held, is_text, recast, short_type, unpacked, value_of
from lagoa.formats.shared.casts import Value
from lagoa.formats.shared.stream import stream_name
from lagoa.formats.shared.values import sql_type
from lagoa.write.pandas_frames import array_of, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyiceberg.schema import Schema

    from lagoa.domain.tables import TableName
    from lagoa.errors import LagoaError

_ROW = "@row"
_BATCH = 64 * 1024
_LOSSY = re.compile(r"\bTIME WITH TIME ZONE|\bBIT\b|\bUHUGEINT\b|\bObject\b")  # of DuckDB and of Polars
ADVICE = "Nothing was written. Convert the value before, or leave the row out; docs/values.md has what each type takes."
_MISSING = "Where NaN stands for a missing number, `rows.convert_dtypes()` makes it null."


class Frame:
    """Rows in memory, as a stream that the engine reads, and the query for the table's values over it.

    Attributes:
        failure: why the rows could not be passed on, once the engine has read them.

    Args:
        table: the table that is written.
        schema: its columns.
        source: the rows.

    Raises:
        WriteError: it has no named columns, one of them twice, or an object that is no value of its column's type.
    """

    def __init__(self, table: TableName, schema: Schema, source: Any) -> None:
        self.failure: WriteError | None = None
        self._table = table
        self._kinds = {field.name: from_pyiceberg(field.field_type) for field in schema.fields}
        self._made: set[str] = set()
        self._of_pandas = hasattr(source, "iloc")
        self._batches = self._opened(source)
        self._check_names()

    @property
    def names(self) -> set[str]:
        """Names of the columns."""
        return {field.name for field in self._fields}

    def query(self, stream: str, number: str | None = None) -> str:
        """Return the SELECT of the values in the table's types.

        Args:
            stream: name of the rows in the session.
            number: name of a further column with the number of the row, from 1.

        Raises:
            WriteError: a column's type is one that the table's column cannot take.
        """
        made, chosen = [], []
        if number:
            chosen.append(f"{name_in_sql(_ROW)} AS {number}")
        for field in self._fields:
            value = self._value(field)
            name = name_in_sql(field.name)
            made.append(f"{value.sql} AS {name}")
            checked = " ".join(f"WHEN {bad} THEN {self._refusal(field.name)}" for bad in value.bad)
            chosen.append(f"CASE {checked} ELSE {name} END AS {name}" if checked else name)
        return f"SELECT {', '.join(chosen)} FROM (SELECT *, {', '.join(made)} FROM {stream})"

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the rows as a stream, which begins when it is first read."""
        import pyarrow as pa

        own = [(stream_name(field.name), held(field.type)) for field in self._fields]
        schema = pa.schema([(_ROW, pa.int64()), *own])
        return pa.RecordBatchReader.from_batches(schema, self._guarded(schema)).__arrow_c_stream__(requested_schema)

    def error_of(self, error: LagoaError) -> LagoaError:
        """Return why the rows could not be written: the value that does not fit, or the error of the engine."""
        reason = refusal_of(error.__cause__ or error)
        return self.failure or (self._error(f"{reason}.", ADVICE) if reason else error)

    @property
    def _fields(self) -> list[pa.Field]:
        return list(self._batches.schema)

    def _opened(self, source: Any) -> pa.RecordBatchReader:
        """Return the rows as Arrow batches, before any conversion that the table's types need."""
        import pyarrow as pa

        if self._of_pandas:
            return self._frame_opened(source)
        lossy = [str(kind) for kind in _own_types(source) if _LOSSY.search(str(kind))]
        if lossy:
            message = f"the rows have a column of {lossy[0]}, of which Arrow gets another value."
            raise self._error(message, "Cast it to a type that Arrow has: a text, a timestamp, a decimal.")
        try:
            return pa.RecordBatchReader.from_stream(source)
        except Exception as error:  # of whatever library the source is from
            message = f"rows cannot come from this {type(source).__name__}: {_first_line(error)}."
            raise self._error(
                message, "Give a table with named columns: an Arrow table or reader, a DataFrame."
            ) from error

    def _frame_opened(self, source: Any) -> pa.RecordBatchReader:
        import pyarrow as pa

        try:
            frame = frame_of(source)
        except ValueError as error:
            raise self._error(f"{error}.", "Give a DataFrame whose columns have one name each.") from error
        arrays: dict[str, pa.Array] = {}
        for name in frame.columns:
            kind = self._kinds.get(name)
            try:
                arrays[name], made = array_of(frame[name], kind)
            except LookupError as error:
                index, value = error.args
                raise self._misfit(name, index + 1, value) from None
            if made:
                self._made.add(name)
        table = pa.table(arrays)
        return table.to_reader(max_chunksize=_BATCH)

    def _check_names(self) -> None:
        names = [field.name for field in self._fields]
        twice = repeated(names)
        if twice is not None:
            raise self._error(f"the rows have the column {twice!r} twice.", "Rename or remove one of the two.")
        if not names:
            raise self._error("the rows have no column.", f"The table has: {', '.join(self._kinds)}.")

    def _value(self, field: pa.Field) -> Value:
        kind = self._kinds.get(field.name)
        source, made = name_in_sql(stream_name(field.name)), name_in_sql(field.name)
        if kind is None:  # refused later, or a marker of the history
            return Value(source)
        if field.name in self._made:
            return Value(f"CAST({source} AS {sql_type(str(kind))})" if "uuid" in str(kind) else source)
        message = f"column {field.name!r} is {kind} and the rows have {short_type(field.type)} there."
        mismatch = self._error(message, "Convert the column before.")
        if is_text(held(field.type)) and kind.name not in {"string", "uuid"}:
            raise mismatch
        try:
            return value_of(source, made, field.type, str(kind))
        except ValueError as error:
            raise mismatch from error

    def _refusal(self, name: str) -> str:
        place = f"' in row ' || {name_in_sql(_ROW)}"
        return refusal_in_sql(self._cannot(name), name_in_sql(stream_name(name)), place)

    def _cannot(self, name: str) -> str:
        return f"column {name!r} ({self._kinds.get(name, 'unknown')}) cannot hold "

    def _misfit(self, name: str, row: int, value: str) -> WriteError:
        advice = f"{ADVICE} {_MISSING}" if value == "NaN" and self._of_pandas else ADVICE
        return self._error(f"{self._cannot(name)}{value} in row {row}.", advice)

    def _error(self, message: str, advice: str) -> WriteError:
        return WriteError(self._table, message, advice)

    def _guarded(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the batches; keep the error, since an engine that pulls them raises it as one of its own."""
        row = 1
        try:
            for batch in self._batches:
                for start in range(0, batch.num_rows, _BATCH):
                    part = batch.slice(start, _BATCH)
                    yield self._taken(part, schema, row)
                    row += part.num_rows
        except WriteError as error:
            self.failure = error
            raise
        except Exception as error:  # of whatever library the source is from
            message = f"the rows cannot be read after row {row - 1}: {_first_line(error)}."
            self.failure = self._error(message, "Nothing was written. Check what yields the rows.")
            raise self.failure from error

    def _taken(self, batch: pa.RecordBatch, schema: pa.Schema, row: int) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        names = batch.schema.names
        columns = {name: recast(each, unpacked(each.type)) for name, each in zip(names, batch.columns, strict=True)}
        faults = find_faults(columns, {name: str(self._kinds.get(name)) for name in names})
        if faults:
            index = min(faults)
            name = next(each for each in names if find_faults({each: columns[each].slice(index, 1)}, {each: ""}))
            raise self._misfit(name, row + index, shown(columns[name], index))
        arrays = [recast(array, held(array.type), checked=True) for array in columns.values()]
        numbers = pa.array(np.arange(row, row + batch.num_rows))
        return pa.RecordBatch.from_arrays([numbers, *arrays], schema=schema)


def _own_types(source: Any) -> list[Any]:
    """Return the types of a source's columns in its own words: a relation of DuckDB, a frame of Polars."""
    return [*(getattr(source, "types", None) or ()), *(getattr(source, "dtypes", None) or ())]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
