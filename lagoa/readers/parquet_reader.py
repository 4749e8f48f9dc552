"""Reads a Parquet file from its first row to its last, its columns by name.

A value is taken as it is, or in the contract's type when that holds it without a loss; else the row is refused. Such a
row has no bytes of its own in the file: the quarantine shows it as JSON.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import NUMBERS, parse_type
from lagoa.errors import SourceError
from lagoa.readers.columns import match_columns
from lagoa.readers.stream import Stream, stream_name, stream_schema, to_batches
from lagoa.readers.values import Value, from_text, identifier, literal, sql_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow import parquet

    from lagoa.contracts.contract import Column, Contract
    from lagoa.readers.files import SourceFile

_ROWS = 64 * 1024


class ParquetReader:
    """A Parquet file whose columns are known.

    Attributes:
        columns: the contract's columns that the file has, in the file's order.
    """

    def __init__(self, contract: Contract, file: SourceFile) -> None:
        """Read the footer.

        Raises:
            SourceError: it is no Parquet file, or its columns do not fit the contract.
        """
        self._file = file
        with self._open() as found:
            self._fields = list(found.schema_arrow)
        self.columns = match_columns(contract, [field.name for field in self._fields], str(file.path))

    @property
    def raw(self) -> str:
        """A row as JSON, as SQL over the stream."""
        values = (f"{literal(name)}: {identifier(stream_name(name))}" for name in self.columns)
        return f"encode(CAST(to_json({{{', '.join(values)}}}) AS VARCHAR))"

    def stream(self) -> Stream:
        """Return the rows from the first to the last, as one pass over the file."""
        return Stream(self.schema, self._batches(), self._file)

    @cached_property
    def schema(self) -> pa.Schema:
        """The stream's schema."""
        kinds = [_held(field.type) for field in self._fields]
        return stream_schema(dict(zip(self.columns, kinds, strict=True)))

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream.

        Raises:
            ValueError: the file's type has no values of the contract's type.
        """
        field = self._fields[self.columns.index(column.name)]
        return _value(identifier(stream_name(column.name)), identifier(column.name), field.type, column.type)

    def _open(self) -> parquet.ParquetFile:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self._file.path, memory_map=False)
        except (pa.ArrowException, OSError) as error:
            raise self._file.unreadable(error) from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa

        row = 1
        with self._open() as found:
            expected = found.metadata.num_rows
            try:
                for batch in found.iter_batches(_ROWS):
                    count = batch.num_rows
                    numbers = pa.array(np.arange(row, row + count))
                    places = [numbers, pa.nulls(count, pa.int64()), pa.nulls(count, pa.binary())]
                    arrays = [
                        array.cast(_held(field.type)) for array, field in zip(batch.columns, self._fields, strict=True)
                    ]
                    values = pa.table(arrays, names=[field.name for field in self._fields])
                    yield from to_batches(self.schema, values, places, {})
                    row += count
            except pa.ArrowException as error:
                raise self._file.unreadable(error) from error
        if row - 1 != expected:
            raise SourceError(
                str(self._file.path), f"it says that it has {expected} rows and has {row - 1}.", "Fetch it again."
            )


def _held(kind: pa.DataType) -> pa.DataType:
    """Return the type in which the engine gets a column, with nothing of it lost.

    The engine would cut moments with a zone to microseconds, so that those in nanoseconds go as UTC without one.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _held(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz and kind.unit == "ns":
        return pa.timestamp("ns")
    return kind


def _value(sql: str, made: str, found: pa.DataType, wanted: str) -> Value:
    """Return the value of type `wanted` that a column of type `found` holds."""
    import pyarrow as pa

    kind, has = parse_type(wanted).name, pa.types
    zoned = has.is_timestamp(found) and found.tz is not None
    found = _held(found)
    if has.is_string(found) or has.is_large_string(found) or has.is_string_view(found):
        return from_text(sql, made, wanted)
    if has.is_null(found):
        return Value("NULL")
    same = {
        "boolean": has.is_boolean,
        "binary": lambda kind: has.is_binary(kind) or has.is_large_binary(kind) or has.is_fixed_size_binary(kind),
        "fixed": has.is_fixed_size_binary,
        "uuid": lambda kind: isinstance(kind, pa.UuidType),
        "list": lambda kind: has.is_list(kind) or has.is_large_list(kind) or has.is_fixed_size_list(kind),
        "map": has.is_map,
        "struct": has.is_struct,
    }
    if kind in same and same[kind](found):
        return Value(sql)
    numeric = has.is_integer(found) or has.is_floating(found) or has.is_decimal(found)
    moment = has.is_timestamp(found) or has.is_date(found)
    if kind == "timestamptz" and zoned:
        return _unchanged(sql, made, "TIMESTAMP", zone=" AT TIME ZONE 'UTC'") if found.tz is None else Value(sql)
    if (
        (kind in NUMBERS and numeric)
        or (kind in {"date", "timestamp"} and moment and not zoned)
        or (kind == "time" and has.is_time(found))
    ):
        exact = "HUGEINT" if has.is_integer(found) and kind in {"float", "double"} else ""
        return _unchanged(sql, made, sql_type(wanted), back=exact)
    raise ValueError(f"the file has {found}, the contract {wanted}")


def _unchanged(sql: str, made: str, kind: str, *, zone: str = "", back: str = "") -> Value:
    """Return a cast that is bad where the value, cast back where that is needed, is not the one in the file."""
    same = f"TRY_CAST({made} AS {back})" if back else made + zone
    return Value(
        f"TRY_CAST({sql} AS {kind}){zone}",
        (f"{sql} IS NOT NULL AND ({made} IS NULL OR {same} IS DISTINCT FROM {sql})",),
    )
