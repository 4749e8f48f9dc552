"""Reads a Parquet file from its first row to its last, its columns by name.

A value is accepted unchanged, or in the contract's type if that loses nothing; otherwise the row is refused. A row is
not a sequence of bytes in the file: the quarantine shows it as JSON.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import SourceError
from lagoa.formats.parquet.int96 import UNIT, Int96
from lagoa.formats.parquet.scan import engine_scan
from lagoa.formats.shared.arrow_faults import as_json, find_faults
from lagoa.formats.shared.arrow_types import held, picked, recast, unpacked, value_of
from lagoa.formats.shared.columns import match_columns
from lagoa.formats.shared.files import MAGIC, kind_of
from lagoa.formats.shared.refused import Fault
from lagoa.formats.shared.stream import RAW, Stream, stream_name, stream_schema, to_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow import parquet

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.files import SourceFile

_ROWS = 64 * 1024


class ParquetReader:
    """A Parquet file whose columns are known.

    Attributes:
        columns: the contract's columns that the file has, in the file's order.
        header: None, since the quarantine shows a row with its column names.
    """

    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, file: SourceFile) -> None:
        """Read the footer.

        Raises:
            SourceError: it is not a Parquet file, or its columns do not fit the contract.
        """
        self._file = file
        with self._open() as found:
            self._fields = list(found.schema_arrow)
            self.columns = match_columns(contract, [field.name for field in self._fields], str(file.path))
            self.scan = engine_scan(file.path, self.columns, found)
        self._types = {column.name: column.type for column in contract.columns}

    @property
    def raw(self) -> str:
        """A row as JSON, as SQL over the stream."""
        values = (f"{text_in_sql(name)}: {name_in_sql(stream_name(name))}" for name in self.columns)
        return f"coalesce({name_in_sql(RAW)}, encode(CAST(to_json({{{', '.join(values)}}}) AS VARCHAR)))"

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

    def _open(self, int96: str = UNIT) -> parquet.ParquetFile:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self._file.path, memory_map=False, coerce_int96_timestamp_unit=int96)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._no_parquet(error) from error

    def _no_parquet(self, error: Exception) -> SourceError:
        """Return the error for a file whose footer cannot be read."""
        try:
            with self._file.path.open("rb") as stream:
                head = stream.read(len(MAGIC))
        except OSError as failure:
            return self._file.unreadable(failure)
        path, found = str(self._file.path), kind_of(head)
        if found and head != MAGIC:
            return SourceError(path, f"it is {found[0]}, not a Parquet file.", found[1])
        if "crypt" in str(error):
            return SourceError(path, "it is encrypted.", "Decrypt it first.")
        if head != MAGIC:
            return SourceError(
                path,
                "it is not a Parquet file.",
                "Check what wrote it, or write its format in the contract's `lagoa.source`.",
            )
        return self._file.unreadable(error)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        row = 1
        with self._open() as found:
            int96 = Int96(found, self._open)
            expected = found.metadata.num_rows
            try:
                for batch in found.iter_batches(_ROWS):
                    yield from self._taken(batch, row, int96)
                    row += batch.num_rows
            except pa.ArrowException as error:
                raise self._file.unreadable(error) from error
        if row - 1 != expected:
            raise SourceError(
                str(self._file.path), f"its footer declares {expected} rows, and it has {row - 1}.", "Fetch it again."
            )

    def _taken(self, batch: pa.RecordBatch, row: int, int96: Int96) -> Iterator[pa.RecordBatch]:
        """Yield a batch of the file, which begins with row `row`, as batches of the stream."""
        import numpy as np
        import pyarrow as pa

        columns = {name: recast(array, unpacked(array.type)) for name, array in self._named(batch).items()}
        faults = find_faults(columns, self._types)
        texts: dict[str, dict[int, str]] = {}
        if int96.names:
            found = int96.misread(dict(zip(batch.schema.names, batch.columns, strict=True)), len(batch))
            texts = {self.columns[batch.schema.names.index(name)]: each for name, each in found.items()}
            for name, each in texts.items():
                reason = f"{name} is no {self._types[name]}: microseconds do not hold it"
                faults |= {index: Fault(f"type/{name}", reason) for index in each}
        raw = pa.nulls(batch.num_rows, pa.binary())
        if faults:
            good = np.setdiff1d(np.arange(batch.num_rows), list(faults))
            shown = dict(zip(sorted(faults), as_json(columns, sorted(faults), texts), strict=True))
            raw = pa.array([shown.get(index) for index in range(batch.num_rows)], pa.binary())
            columns = {name: picked(array, good) for name, array in columns.items()}
        values = pa.table({name: recast(array, held(array.type), checked=True) for name, array in columns.items()})
        numbers = pa.array(np.arange(row, row + batch.num_rows))
        yield from to_batches(self.schema, values, [numbers, pa.nulls(batch.num_rows, pa.int64()), raw], faults)

    def _named(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        return dict(zip(self.columns, batch.columns, strict=True))
