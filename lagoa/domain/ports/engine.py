"""The SQL engine port: what runs SQL over tables and writes their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName


FILE_COLUMN = "_lagoa_file"
"""The column of `SqlSession.data_files` that holds the path of the file a row stands in."""


class QueryResult(Protocol):
    """Rows of one query, read once."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""

    def reader(self, batch_size: int = 1_000_000) -> pa.RecordBatchReader:
        """Return the rows as a stream of Arrow batches."""

    def df(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame."""

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples: `size` of them, fewer at the end."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""


class SqlSession(Protocol):
    """A connection of the engine in which a fixed set of tables can be named; one thread uses it at a time.

    Every name stands for the exact pointer that was given: what happens on the branch meanwhile is not seen.
    """

    @property
    def connection(self) -> Any:
        """The engine's own connection, in which the tables are named alike; for tools that bring their own SQL."""

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """Run Lagoa's own SQL (a model, a check, a reader); raises `QueryError`."""

    def write(
        self,
        query: str,
        table: TableMetadata,
        *,
        parameters: Sequence[Any] = (),
        constant: Collection[str] = (),
    ) -> list[DataFile]:
        """Run a query and write its rows as the table's data files: field ids, partition, sort order, file size.

        The query yields the table's columns under their names, in any order. Nothing is committed.

        Args:
            query: one SELECT.
            table: the metadata that the files are to fit.
            parameters: values bound to the query.
            constant: columns that have one value in all rows: a partition by them needs no sorting apart of the rows.

        Raises:
            WriteError: a column is missing or unknown, a value does not fit, a required one is null.
            QueryError: the query fails.
        """

    def stage(self, name: str, query: str, table: TableMetadata, *, parameters: Sequence[Any] = ()) -> int:
        """Keep a query's rows, as `write` would write them, under a name of this session; return their number.

        What does not fit in memory is spilled. Raises as `write` does, but nulls are let through.
        """

    def columns(self, query: str, parameters: Sequence[Any] = ()) -> list[str]:
        """Return the names of a query's columns; it is not run."""

    def data_files(self, table: TableMetadata, files: Sequence[DataFile]) -> str | None:
        """Return SQL to select from that reads some data files of a table, in its schema, and `FILE_COLUMN`.

        None where they can only be read through the table's metadata. What was deleted in them is not left out.
        """

    def table_at(self, pointer: str) -> str:
        """Return SQL to select from that reads the table at a pointer, with what was deleted left out."""

    def register(self, name: str, data: pa.Table | pa.RecordBatchReader | pd.DataFrame) -> None:
        """Make data of this process readable under a name."""

    def close(self) -> None:
        """Release the session."""

    def __enter__(self) -> Self:
        """Return the session."""

    def __exit__(self, *exc: object) -> None:
        """Close the session."""


class SqlEngine(Protocol):
    """Runs SQL over Iceberg tables and writes Parquet files; it commits nothing."""

    @property
    def version(self) -> str:
        """What runs the SQL, and which version: results of another one are not taken for its own."""

    def session(self, tables: Pointers, *, confined: bool = False, writes: bool = False) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name.

        `confined` is for a user's SQL: the session can then open nothing outside the warehouse. Whether such a session
        `writes` is told before.
        """

    def session_of(self, tables: Mapping[TableName, pa.Table]) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name: rows in memory, for trying SQL out."""

    def remember(self, pointer: str, files: Sequence[str]) -> None:
        """Say that the table at `pointer` is exactly these files, all written under its current schema.

        Sessions of this engine may then read them without the table's metadata.
        """

    def files(self, pointer: str) -> tuple[str, ...] | None:
        """Return what was remembered of a pointer."""

    def shared(self, workers: int) -> AbstractContextManager[None]:
        """Within it so many sessions work at a time, each with its share of the engine's threads."""

    def flush(self) -> None:
        """Return when every file written so far, by whichever process, would survive a loss of power."""

    def tables_read(self, sql: str) -> frozenset[TableName]:
        """Parse a user's SQL with the engine's own parser; return the tables it names.

        Raises:
            QueryError: anything but one SELECT over named tables: another statement, a table function, a path.
        """

    def close(self) -> None:
        """Release the engine."""
