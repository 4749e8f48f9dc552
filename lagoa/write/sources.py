"""Sources of a write's rows: a query, an Arrow table or stream, or a DataFrame; and their lineage columns."""

# ruff: noqa: S608 - names are quoted, values are bound
from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import LagoaError, TableNotFound, WriteError
from lagoa.write.frames import Frame
from lagoa.write.incoming import IncomingRows
from lagoa.write.unwritable import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.write.target import Target

_SOURCE = "_lagoa_source"
_KEPT = "_lagoa_kept"
_ROW = LINEAGE_COLUMNS[3]


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """A query of Lagoa, run in an open session: unlike a user's query it is not checked.

    Attributes:
        session: the session.
        sql: one SELECT.
        parameters: values bound to it.
        constant: columns with the same value in all rows.
        filled: lineage columns that the source did not give.
    """

    session: SqlSession
    sql: str
    parameters: Sequence[Any] = ()
    constant: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()

    def write(self, table: TableMetadata) -> list[DataFile]:
        """Run the query and write its rows as data files of a table; see `SqlSession.write`."""
        return self.session.write(self.sql, table, parameters=self.parameters, constant=self.constant)

    def columns(self) -> Sequence[str]:
        """Return the names of the columns."""
        return self.session.columns(self.sql, self.parameters)


@dataclass(frozen=True, slots=True)
class WrittenRows(SessionQuery):
    """Rows that come as data files of the table, without passing through the session.

    Attributes:
        build: writes the files; see `SqlSession.write`.
        names: the names of the columns.
    """

    build: Callable[[TableMetadata], list[DataFile]] = field(kw_only=True)
    names: tuple[str, ...] = field(kw_only=True, default=())

    def write(self, table: TableMetadata) -> list[DataFile]:
        """Return the files."""
        return self.build(table)

    def columns(self) -> Sequence[str]:
        """Return the names of the columns."""
        return self.names


Source: TypeAlias = "str | pa.Table | pa.RecordBatchReader | pd.DataFrame | SessionQuery | IncomingRows"
"""A source of rows; a text is a user's SELECT over the branch.

Whatever gives an Arrow stream is one, too: a frame of Polars, a relation of DuckDB. docs/values.md has what happens to
each kind of value.
"""


@contextmanager
def open_rows(
    engine: SqlEngine, tables: Mapping[TableName, str], ref: str, target: Target, source: Source
) -> Iterator[SessionQuery]:
    """Yield the query for a source's rows; whatever is opened for it is closed afterwards.

    Args:
        engine: runs the query.
        tables: the tables that a user's query may read.
        ref: the name of the branch, for errors.
        target: the table that is written; the session can read it too.
        source: see `Source`.

    Raises:
        QueryError: a user's SQL is refused.
        TableNotFound: it refers to a table that does not exist.
        WriteError: the type of the source is not supported, or a value of it does not fit the table.
    """
    if isinstance(source, SessionQuery):
        yield source
    elif isinstance(source, IncomingRows):
        with engine.session({}) as session:
            yield SessionQuery(session, source.sql(session, target))
    elif isinstance(source, str):
        reads = engine.tables_read(source)
        for table in sorted(reads):
            if table not in tables:
                raise TableNotFound(table, ref, did_you_mean_name(table, tables))
        pointers = {table: tables[table] for table in reads | {target.name} if table in tables}
        with engine.session(pointers, confined=True) as session:
            try:
                query = checked(session, source.strip().rstrip(";"))
            except ValueError as error:
                raise WriteError(target.name, f"{error}.", "Give each column its own name.") from error
            yield SessionQuery(session, query)
    elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "iloc"):
        frame = Frame(target.name, target.metadata.schema(), source)
        filled = {_ROW} - frame.names if target.has_lineage else set()
        query = frame.query(_SOURCE, *filled)
        with engine.session({}) as session:
            session.register(_SOURCE, frame)
            try:
                yield SessionQuery(session, query, filled=frozenset(filled))
            except LagoaError as error:
                raise frame.error_of(error) from error
    else:
        raise WriteError(
            target.name,
            f"rows cannot come from a {type(source).__name__}.",
            "Use an Arrow table or reader, a DataFrame of pandas or Polars, or a SELECT as text.",
        )


def kept(rows: SessionQuery) -> tuple[SessionQuery, str]:
    """Run a query once and store its rows; return a query for them and the name of their temporary table."""
    rows.session.query(f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS {rows.sql}", rows.parameters).fetchall()
    return replace(rows, sql=f"SELECT * FROM {_KEPT}", parameters=()), _KEPT


def with_lineage(rows: SessionQuery, batch: str | None) -> SessionQuery:
    """Return the query with missing lineage columns added: batch (or a generated id), time, `api`, number from 1."""
    have = set(rows.columns())
    values = {
        LINEAGE_COLUMNS[0]: (batch or uuid.uuid4().hex[:16], "VARCHAR"),
        LINEAGE_COLUMNS[1]: (datetime.now(UTC).isoformat(), "TIMESTAMPTZ"),
        LINEAGE_COLUMNS[2]: ("api", "VARCHAR"),
    }
    missing = {name: value for name, value in values.items() if name not in have}
    first = len(rows.parameters) + 1
    extra = [f"CAST(${first + at} AS {kind}) AS {name}" for at, (name, (_, kind)) in enumerate(missing.items())]
    filled = rows.filled | set(LINEAGE_COLUMNS) - have
    if _ROW not in have:
        extra.append(f"row_number() OVER () AS {_ROW}")
    if not extra:
        return rows
    sql = f"SELECT *, {', '.join(extra)} FROM ({rows.sql}\n)"
    given = [*rows.parameters, *(value for value, _ in missing.values())]
    return replace(rows, sql=sql, parameters=given, constant=rows.constant | missing.keys(), filled=filled)
