"""The records of a file as a stream of Arrow batches, which every reader returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import SourceError
from lagoa.formats.shared.files import READ_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.refused import Fault

ROW, OFFSET, RAW, RULE, REASON = "@row", "@offset", "@raw", "@rule", "@reason"
"""A record's number from 1; where its bytes begin; its bytes; why it cannot be read. No column has such a name."""


def stream_name(name: str) -> str:
    """Return the stream's name for a column of the contract."""
    return f"@{name}@"


def row_as_json(names: Iterable[str]) -> str:
    """Return SQL over the stream: the record's bytes, or where it has none, the row of these columns as JSON."""
    values = (f"{text_in_sql(name)}: {name_in_sql(stream_name(name))}" for name in names)
    return f"coalesce({name_in_sql(RAW)}, encode(CAST(to_json({{{', '.join(values)}}}) AS VARCHAR)))"


def record_places(row: int, records: Sequence[bytes], offsets: Sequence[int]) -> list[pa.Array]:
    """Return number, offset and bytes of successive records, of which the first is record `row`; see `to_batches`."""
    import numpy as np
    import pyarrow as pa

    numbers = np.arange(row, row + len(records))
    return [pa.array(numbers), pa.array(offsets, pa.int64()), pa.array(records, pa.binary())]


def stream_schema(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of a stream: the record's own fields, then the values, by the contract's names."""
    import pyarrow as pa

    own = [(ROW, pa.int64()), (OFFSET, pa.int64()), (RAW, pa.binary()), (RULE, pa.string()), (REASON, pa.string())]
    return pa.schema([*own, *((stream_name(name), kind) for name, kind in columns.items())])


def to_batches(
    schema: pa.Schema, values: pa.Table, places: list[pa.Array], bad: Mapping[int, Fault]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of one block: the readable records with their values, then the unreadable ones.

    Args:
        schema: the stream's.
        values: of the readable records, in the schema's order.
        places: number, offset and bytes of all records.
        bad: why a record cannot be read, by its index among all records.
    """
    import pyarrow as pa

    count = len(places[0])
    if bad:
        good = pa.array([index for index in range(count) if index not in bad], pa.int64())
        indexes = pa.array(sorted(bad), pa.int64())
        reasons = [pa.array([getattr(bad[i], name) for i in sorted(bad)], pa.string()) for name in ("rule", "reason")]
        nulls = [pa.nulls(len(bad), field.type) for field in list(schema)[5:]]
        unreadable = [*(array.take(indexes) for array in places), *reasons, *nulls]
        places = [array.take(good) for array in places]
    if len(places[0]):
        faultless = [pa.nulls(len(places[0]), pa.string())] * 2
        columns = values.combine_chunks().to_batches()[0].columns
        yield pa.RecordBatch.from_arrays([*places, *faultless, *columns], schema=schema)
    if bad:
        yield pa.RecordBatch.from_arrays(unreadable, schema=schema)


class EngineScan(NamedTuple):
    """How an engine reads a file by itself.

    Attributes:
        sql: the query for what the stream has, except unreadable rows: they have a rule here, but no reason.
        rows: how many the file says it has.
    """

    sql: str
    rows: int

    @staticmethod
    def has_types_of(found: pa.Schema, stream: pa.Schema) -> bool:
        """Return whether the rows that an engine reads have the types of those of the stream."""
        import pyarrow as pa

        wanted = [pa.string() if pa.types.is_large_string(kind) else kind for kind in stream.types]
        return bool(found.names == stream.names and found.types == wanted)


class Stream:
    """One pass over a file.

    Attributes:
        schema: of the batches.
        received: records passed on so far; all records of the file once it was read to its end.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        file: SourceFile,
        *,
        footer: Callable[[], int] = int,
        notes: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.schema = schema
        self.received = 0
        self._footer = footer
        self._notes = notes
        self._batches = batches
        self._file = file
        self._failure: SourceError | None = None

    @property
    def footer(self) -> int:
        """Records at the end of the file that are no data, and were not passed on; 0 until it was read to its end."""
        return self._footer()

    @property
    def notes(self) -> tuple[str, ...]:
        """What else was left out, or may have to be; all of it once the file was read to its end."""
        return self._notes()

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches, to be read once."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self._guarded())

    def arrow_stream(self) -> Any:
        """Return the batches as an Arrow C stream, to be read once.

        An engine pulls these one by one. With a reader, pyarrow prefetches up to a gigabyte.
        """
        return self.reader().__arrow_c_stream__()

    def _guarded(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches; keep the error, since an engine that pulls them raises it as one of its own."""
        try:
            for batch in self._batches:
                self.received += batch.num_rows
                yield batch
        except SourceError as error:
            self._failure = error
            raise
        except READ_ERRORS as error:
            self._failure = self._file.unreadable(error)
            raise self._failure from error

    def check(self) -> None:
        """Raise what broke the reading, if anything did.

        Raises:
            SourceError: the file could not be read to its end.
        """
        if self._failure is not None:
            raise self._failure
