"""On which engine the queries of check files would run: found out without data, by asking them of empty tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lagoa.audit.kinds.soda import tables_read
from lagoa.domain.lists import counted
from lagoa.domain.tables import TableName
from lagoa.errors import ModelError, QueryError
from lagoa.sql_models.described import unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.context import LakeContext
    from lagoa.contracts import Contracts
    from lagoa.domain.checks import CheckFile
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlSession

_EXACT = re.compile(r'U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN|DECIMAL\(.*\)|"NULL"')
"""Types of figures that are the same on every engine."""

_PLACE = re.compile(r"^(check:\d+: |check: )?((Spark|Trino): )?")
"""How errors about a query begin, which is in no file by itself."""


@dataclass(frozen=True, slots=True)
class CheckFilePlace:
    """Where the queries of a check file run.

    Attributes:
        table: whose check file it is.
        file: its path.
        engine: `spark` or `trino` if any query runs there; `duckdb`: all run in this process.
        reasons: why DuckDB answers some, or all.
        queries: how many Soda asks of tables, with the counts of rows that it asks of every file.
        stay: how many of those DuckDB answers.
    """

    table: TableName
    file: str
    engine: str
    reasons: tuple[str, ...]
    queries: int = 0
    stay: int = 0

    @property
    def shown(self) -> str:
        """Where its queries run, in words: `spark`, `duckdb`, `spark and duckdb`."""
        return f"{self.engine} and duckdb" if self.reasons and self.engine != "duckdb" else self.engine

    def __repr__(self) -> str:
        return f"<CheckFilePlace {self.table}: {self.shown}, {self.stay} of {counted(self.queries, 'query')} on DuckDB>"


def place_of(
    context: LakeContext,
    file: CheckFile,
    engine: EngineName,
    contracts: Contracts,
    pointers: Pointers = MappingProxyType({}),
) -> CheckFilePlace:
    """Return where the queries of a check file run if its tables are large enough for another engine.

    Args:
        context: the lake.
        file: the check file.
        engine: the engine; it answers the queries to which it has the answer of DuckDB.
        contracts: of the tables that the file reads.
        pointers: those of these tables that there are.

    Raises:
        CheckError: SQL that is not a SELECT over tables of the lake.
    """
    from lagoa.sql_models.testing.rows import arrow_rows

    reads = frozenset[TableName]().union(*(tables_read(file, check, context.engine) for check in file.checks))
    missing = [f"{table} has no contract" for table in sorted(reads) if table not in contracts]
    if missing:
        return CheckFilePlace(file.table, file.path, "duckdb", tuple(missing))
    closed = {table: _unread(context, engine, table, contracts, pointers) for table in reads}
    asked: dict[str, None] = {}  # in the order of the file
    found: list[list[str]] = []
    with context.engine.session_of({table: arrow_rows(contracts[table], ()) for table in reads}) as session:
        context.auditor.run([file], session, lambda sql: asked.update({sql: None}))
        for sql in asked:
            if tables := _tables(context, sql):
                why = [closed[table] for table in sorted(tables) if closed[table]]
                found.append(why or list(_differences(sql, session, engine, contracts)))
    if not found:
        return CheckFilePlace(file.table, file.path, "duckdb", ("it reads no rows",))
    reasons = tuple(dict.fromkeys(reason for each in found for reason in each))
    stay = sum(map(bool, found))
    return CheckFilePlace(file.table, file.path, "duckdb" if stay == len(found) else engine, reasons, len(found), stay)


def _tables(context: LakeContext, sql: str) -> frozenset[TableName]:
    """Return the tables of the lake that a query of Soda's reads; none for one about columns and types."""
    try:
        return context.engine.tables_read(sql)
    except QueryError:
        return frozenset()


def _unread(
    context: LakeContext, engine: EngineName, table: TableName, contracts: Contracts, pointers: Pointers
) -> str:
    if table in pointers:
        facts = context.metadata.facts(pointers[table])
        return unread(engine, table, facts.columns.values(), facts.version)
    return unread(engine, table, (column.type for column in contracts[table].all_columns))


def _differences(sql: str, session: SqlSession, engine: EngineName, contracts: Contracts) -> Iterator[str]:
    """Yield why an engine would answer a query with another figure than DuckDB, or with one that is not exact."""
    from lagoa.sql_models.dialects import select_for

    try:
        select_for(Path("check"), sql, engine, contracts)
    except ModelError as error:
        yield _PLACE.sub("", error.message, count=1).rstrip(".")
        return
    for name, kind, *_ in session.query(f"DESCRIBE {sql}").fetchall():
        if not _EXACT.fullmatch(kind):
            yield f"{name} is {kind}, no whole or decimal number"
