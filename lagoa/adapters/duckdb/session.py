"""One connection of DuckDB, in which the tables of one commit can be named."""

# ruff: noqa: S608 - names and texts are name_in_sql, values are bound

from __future__ import annotations

import contextlib
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb

from lagoa.adapters.duckdb.sql import query_error
from lagoa.domain.sql_names import name_in_sql, table_in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.adapters.duckdb.files import FileWriter
    from lagoa.adapters.duckdb.reading import FileColumn
    from lagoa.domain.cache import Cache
    from lagoa.domain.tables import TableName
    from lagoa.storage.port import Storage


_T = TypeVar("_T")

_HELD = "_lagoa_held"


class DuckDBResult:
    """The rows of one query, read once, before the session runs another one. It keeps its session open."""

    def __init__(self, session: DuckDBSession, cursor: duckdb.DuckDBPyConnection) -> None:
        self._session = session
        self._cursor = cursor

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [column[0] for column in self._cursor.description or ()]

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return self._read(self._cursor.to_arrow_table)

    def reader(self, batch_size: int = 1_000_000) -> pa.RecordBatchReader:
        """Return the rows as a stream of Arrow batches."""
        return self._read(lambda: self._cursor.to_arrow_reader(batch_size))

    def df(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame."""
        return self._read(self._cursor.df)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples: `size` of them, fewer at the end."""
        return self._read(lambda: self._cursor.fetchmany(size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""
        return self._read(self._cursor.fetchall)

    def _read(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except duckdb.Error as error:
            raise query_error(error) from error


@dataclass(frozen=True, slots=True)
class Means:
    """What an engine does for its sessions.

    Attributes:
        storage: where the tables' files lie.
        load_extension: loads the iceberg extension into the instance.
        scan: gives SQL that reads the table at a pointer.
        target_bytes: size of the files that a session writes.
        file_columns: what is known of data files; see `lagoa.adapters.duckdb.reading`.
    """

    storage: Storage
    load_extension: Callable[[], None]
    scan: Callable[[str], str]
    target_bytes: int
    file_columns: Cache[str, frozenset[FileColumn]]


class DuckDBSession:
    """A connection with a database of its own, in memory, that holds a view for each of the session's tables.

    It is released by `close`, or when neither it nor a result of it is in use any more.

    Args:
        root: the DuckDB instance.
        name: the session's database in SQL, unique within the instance; None for a session without tables.
        views: SQL that reads each table.
        means: what the engine does for its sessions.
    """

    def __init__(
        self,
        root: duckdb.DuckDBPyConnection,
        name: str | None,
        views: Mapping[TableName, str],
        means: Means,
    ) -> None:
        self._cursor = root.cursor()
        self._means = means
        self._release = weakref.finalize(self, _release, root, self._cursor, name)
        if name is None:
            return
        try:
            self._cursor.execute(f"ATTACH ':memory:' AS {name}; USE {name}")
            self._make_schemas(views)
            for table, sql in views.items():
                self._cursor.execute(f"CREATE VIEW {name}.{table_in_sql(table)} AS {sql}")
        except duckdb.Error as error:
            self.close()
            raise query_error(error) from error

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB's connection, in which the tables are named alike."""
        return self._cursor

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> DuckDBResult:
        """Run Lagoa's own SQL; raises `QueryError`."""
        try:
            return DuckDBResult(self, self._cursor.execute(sql, parameters or None))
        except duckdb.Error as error:
            raise query_error(error) from error

    def write(
        self,
        query: str,
        table: TableMetadata,
        *,
        parameters: Sequence[Any] = (),
        constant: Collection[str] = (),
    ) -> list[DataFile]:
        """Run a query and write its rows as data files of a table; see `SqlSession.write`."""
        return self._writer(table).write(query, parameters, constant)

    def stage(self, name: str, query: str, table: TableMetadata, *, parameters: Sequence[Any] = ()) -> int:
        """Keep a query's rows under a name of this session; see `SqlSession.stage`."""
        return self._writer(table).stage(name, query, parameters)

    def columns(self, query: str, parameters: Sequence[Any] = ()) -> list[str]:
        """Return the names of a query's columns; it is not run."""
        return self.query(f"SELECT * FROM ({query}\n) LIMIT 0", parameters).columns

    @contextlib.contextmanager
    def noting(self) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
        """Yield a function of SQL that is true, and the list of what it was called with; see `SqlSession.noting`."""
        name, notes = f"_lagoa_note_{uuid.uuid4().hex}", []

        def note(one: int, two: int, three: int) -> bool:
            notes.append((one, two, three))
            return True

        # Without side effects it might not be called.
        self._cursor.create_function(name, note, ["BIGINT", "HUGEINT", "UBIGINT"], "BOOLEAN", side_effects=True)
        try:
            yield name, notes
        finally:
            self._cursor.remove_function(name)

    def data_files(self, table: TableMetadata, files: Sequence[DataFile], *, whole: bool = False) -> str | None:
        """Return SQL that reads some data files of a table; see `SqlSession.data_files`."""
        from lagoa.adapters.duckdb.reading import read_files

        try:
            return read_files(self._cursor, self._means, table, files, whole=whole)
        except duckdb.Error as error:
            raise query_error(error) from error

    def table_at(self, pointer: str) -> str:
        """Return SQL that reads the table at a pointer; see `SqlSession.table_at`."""
        return self._means.scan(pointer)

    def _writer(self, table: TableMetadata) -> FileWriter:
        from lagoa.adapters.duckdb.files import FileWriter

        return FileWriter(self._cursor, table, self._means)

    def register(self, name: str, data: pa.Table | pa.RecordBatchReader | pd.DataFrame) -> None:
        """Make data of this process readable under a name."""
        try:
            # The stream behind a reader, as pyarrow would run far ahead of the query and hold what it has read.
            stream = data.__arrow_c_stream__() if type(data).__name__ == "RecordBatchReader" else data
            self._cursor.register(name, stream)
        except duckdb.Error as error:
            raise query_error(error) from error

    def hold(self, tables: Mapping[TableName, pa.Table]) -> None:
        """Make tables of these rows, under their names, for as long as the session is open."""
        self._make_schemas(tables)
        for table, rows in tables.items():
            self.register(_HELD, rows)
            self.query(f"CREATE TABLE {table_in_sql(table)} AS FROM {_HELD}").fetchall()
            self._cursor.unregister(_HELD)

    def _make_schemas(self, tables: Iterable[TableName]) -> None:
        layers = sorted({table.layer for table in tables})
        self._cursor.execute(";".join(f"CREATE SCHEMA IF NOT EXISTS {name_in_sql(layer)}" for layer in layers))

    def close(self) -> None:
        """Release the session and what was registered in it."""
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _release(root: duckdb.DuckDBPyConnection, cursor: duckdb.DuckDBPyConnection, name: str | None) -> None:
    cursor.close()
    if name is not None:
        with contextlib.suppress(duckdb.Error), root.cursor() as other:  # the instance may be closed already
            other.execute(f"DETACH DATABASE IF EXISTS {name}")
