"""The ports of SQL engines: they run SQL over tables and write their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName

_T = TypeVar("_T")

FILE_COLUMN = "_lagoa_file"
"""The column of `SqlSession.data_files` with the path of the file that a row is in."""


class Rows(Protocol):
    """The rows of one query."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""


class Queries(Protocol):
    """Whatever answers queries over a fixed set of tables: a session, or another engine with few rows."""

    def query(self, sql: str) -> Rows:
        """Run SQL on behalf of Lagoa; raises `QueryError`."""


class QueryResult(Protocol):
    """The rows of one query; they can be read once."""

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
        """Return the next `size` rows as tuples, fewer at the end."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""


class SqlSession(Protocol):
    """A connection of the engine to a fixed set of tables; one thread uses it at a time.

    Every name stands for the pointer that was given: later changes of the branch are not visible.
    """

    @property
    def connection(self) -> Any:
        """The engine's own connection, with the same table names; for tools that bring their own SQL."""

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """Run SQL on behalf of Lagoa (a model, a check, a reader); raises `QueryError`."""

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
            table: the metadata that the files must match.
            parameters: values bound to the query.
            constant: columns with the same value in all rows: partitioning by them needs no sorting.

        Raises:
            WriteError: a column is missing or unknown, a value does not fit, a required value is null.
            QueryError: the query fails.
        """

    def stage(self, name: str, query: str, table: TableMetadata, *, parameters: Sequence[Any] = ()) -> int:
        """Store a query's rows, as `write` would write them, under a name in this session; return their number.

        Rows that do not fit in memory are spilled. Raises as `write` does, but accepts nulls.
        """

    def columns(self, query: str, parameters: Sequence[Any] = ()) -> list[str]:
        """Return the names of a query's columns without running it."""

    def noting(self) -> AbstractContextManager[tuple[str, list[tuple[int, int, int]]]]:
        """Yield the name of a SQL function of three integers, and the list of what it was called with; it is true.

        So a query whose rows are written says something else, too. The function is gone afterwards.
        """

    def data_files(self, table: TableMetadata, files: Sequence[DataFile], *, whole: bool = False) -> str | None:
        """Return SQL, for a FROM clause, that reads data files of a table in its schema, with `FILE_COLUMN`.

        None if they can only be read through the table's metadata. Deleted rows are not left out.

        Args:
            table: the table.
            files: some of its data files.
            whole: whether all of their rows are read: then none is opened before where metadata says enough.
        """

    def table_at(self, pointer: str) -> str:
        """Return SQL, for a FROM clause, that reads the table at a pointer without its deleted rows."""

    def register(self, name: str, data: pa.Table | pa.RecordBatchReader | pd.DataFrame) -> None:
        """Make in-memory data readable under a name."""

    def close(self) -> None:
        """Close the session and free its resources."""

    def __enter__(self) -> Self:
        """Return the session."""

    def __exit__(self, *exc: object) -> None:
        """Close the session."""


class Workers(Protocol):
    """Processes, maybe on other machines, that work for this one, each with a session of `SqlEngine`."""

    def run(self, task: Callable[[SqlSession], _T]) -> _T:
        """Run a function in a worker as soon as one is free; return what it returns.

        It runs again elsewhere if its worker dies; files of the first run then stay, and no table has them.

        Args:
            task: the function. It and its result are pickled; workers have this process's versions of Python and Lagoa.

        Raises:
            LagoaError: the function raised it.
            EngineUnavailable: there are no workers, or all of them died.
        """


Asked: TypeAlias = "Callable[[str, Pointers, int | None], None]"
"""Takes a query that a `ModelEngine` has run, in its SQL, the tables that it could read, and the bytes that it read if
the engine says so."""


class ModelEngine(Protocol):
    """Another engine, which can run the SELECT of a model or a check in place of `SqlEngine`; it commits nothing."""

    @property
    def name(self) -> EngineName:
        """Its name: the dialect of the SQL that it runs."""

    @property
    def workers(self) -> Workers | None:
        """Its workers; None if they run nothing but SQL."""

    def build(self, query: str, tables: Pointers, table: TableMetadata) -> str:
        """Run a query, write its rows as the data files of a table, and return the pointer of a table of these files.

        Nobody else knows that pointer; it is readable for a day at least. The files stay.

        Args:
            query: one SELECT in this engine's SQL, which yields the table's columns under their names, in any order.
            tables: the exact pointer of each table that the query names.
            table: the metadata that the files must match: field ids, partition, sort order. Without a location of its
                own they are as temporary as the pointer.

        Raises:
            QueryError: the query fails, a value does not fit the table, or a required one is null.
            EngineUnavailable: the engine does not start or does not answer.
        """

    def reading(self, tables: Pointers) -> AbstractContextManager[Callable[[str], list[tuple[Any, ...]]]]:
        """Yield a function that runs a SELECT in this engine's SQL and returns its rows, which must be few.

        It raises as `build` does; one thread uses it at a time.

        Args:
            tables: the exact pointer of each table that the queries name.
        """

    def close(self) -> None:
        """End what the engine runs for this process."""


class SqlEngine(Protocol):
    """Runs SQL over Iceberg tables and writes Parquet files; it commits nothing."""

    @property
    def version(self) -> str:
        """The engine and its version: results of a different one are not reused."""

    def session(self, tables: Pointers, *, confined: bool = False) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name.

        `confined` is for a user's SQL: the session can then open nothing outside the warehouse.
        """

    def session_of(self, tables: Mapping[TableName, pa.Table]) -> SqlSession:
        """Open a session in which each of `tables` can be read by its name: rows in memory, for testing SQL."""

    def remember(self, pointer: str, files: Sequence[str]) -> None:
        """Remember that the table at `pointer` consists of exactly these files, all written with its current schema.

        Sessions of this engine may then read them without the table's metadata.
        """

    def files(self, pointer: str) -> tuple[str, ...] | None:
        """Return the files remembered for a pointer; None if there are none."""

    def shared(self, workers: int) -> AbstractContextManager[None]:
        """Split the engine's threads among `workers` concurrent sessions while the context is open."""

    def flush(self) -> None:
        """Return once every file written so far, by any process, would survive a power failure."""

    def tables_read(self, sql: str, *, repeatable: bool = False) -> frozenset[TableName]:
        """Parse a user's SQL with the engine's own parser; return the tables it names.

        Args:
            sql: the query.
            repeatable: whether it must give the same result each time it is run.

        Raises:
            QueryError: anything but one SELECT over named tables: another statement, a table function, a path; or what
                depends on chance or the time, where that is not allowed.
        """

    def without_values(self, sql: str) -> str:
        """Return a user's query that `tables_read` takes with `?` for each text, 0 or NULL for each other value.

        The names in it stay, also those that it gives to its columns.
        """

    def close(self) -> None:
        """Close the engine."""
