"""Checks on another engine: their SQL in its dialect, over the exact tables; nothing but their figures comes back.

A check is measured there only if its SQL means the same there, by the rules by which models are translated. So its
result is that of the SQL engine, and either may use it again.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.audit.bases.query import SqlCheck
from lagoa.catalog.readable import files_size
from lagoa.errors import EngineTooOld, EngineUnavailable, ModelError, QueryError
from lagoa.sql_models.described import described_tables
from lagoa.sql_models.engine_choice import engine_of_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lagoa.audit.check import SessionCheck
    from lagoa.audit.state import State
    from lagoa.context import LakeContext
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.checks import Rows
    from lagoa.domain.ports.engine import Queries


def parted(checks: Sequence[SessionCheck], state: State) -> tuple[list[SessionCheck], list[SqlCheck]]:
    """Return the checks that the SQL engine measures, and those that another one does."""
    if state.context.open_model_engine is None:
        return list(checks), []
    there = [check for check in checks if isinstance(check, SqlCheck) and _runs_there(check, state)]
    moved = {check.id for check in there}
    return [check for check in checks if check.id not in moved], there


@contextmanager
def engine_queries(context: LakeContext, checks: Sequence[SqlCheck], tables: Pointers) -> Iterator[Queries]:
    """Yield what answers the queries of some checks over some tables, on the other engine.

    Raises:
        EngineUnavailable: it does not start or does not answer.
    """
    engine = context.model_engine
    assert engine is not None  # noqa: S101 - else no check runs there
    known = {check.query: check.portable for check in checks if check.portable}

    def rows(sql: str) -> list[tuple[Any, ...]]:
        written = _in_engine(context, known.get(sql, sql), tables, engine.name)
        if not written:
            raise QueryError(f"{engine.name.capitalize()} would give another result.", "Measure it on DuckDB.")
        return run(written)

    with engine.reading(tables) as run:
        yield _EngineQueries(rows)


@contextmanager
def engine_rows(context: LakeContext, tables: Pointers) -> Iterator[Callable[[str], Rows | None] | None]:
    """Yield what answers queries over some tables on the other engine; None if that is to measure nothing of them.

    It returns None for a query that has another result there, or one that is no whole or decimal number: of sums of
    floating-point numbers the last digits depend on the order of the rows, and times are those of a client's zone.

    Raises:
        EngineUnavailable: it does not start or does not answer.
    """
    name = engine_of_check(context, sum(bytes_of(context, pointer) for pointer in tables.values()))
    engine = context.model_engine if name else None
    if engine is None:
        yield None
        return

    def rows(sql: str) -> Rows | None:
        written = _in_engine(context, sql, tables, engine.name) if "FROM" in sql.upper() else ""
        try:
            found = run(written) if written else []
        except (EngineUnavailable, EngineTooOld) as error:
            away.append(error)  # who asks may take it for the fault of a check
            raise
        exact = all(each is None or isinstance(each, int | Decimal) for row in found for each in row)
        return found if found and exact else None

    away: list[EngineUnavailable | EngineTooOld] = []
    with engine.reading(tables) as run:
        yield rows
    if away:
        raise away[0]


def _runs_there(check: SqlCheck, state: State) -> bool:
    """Return whether another engine is to measure a check, and can do so with the SQL engine's result."""
    context = state.context
    if "FROM" not in check.query:  # it reads nothing
        return False
    tables = {table: state.pointers[table] for table in check.reads}
    engine = engine_of_check(context, sum(bytes_of(context, pointer) for pointer in tables.values()))
    if engine is None:
        return False
    before = check.baseline(state.base)
    states = [tables] if before is None else [tables, {check.table: before}]
    return all(_in_engine(context, check.portable or check.query, each, engine) for each in states)


def _in_engine(context: LakeContext, sql: str, tables: Pointers, engine: EngineName) -> str:
    """Return a query over some tables in an engine's SQL; empty if its result would be another one there."""
    from lagoa.sql_models.dialects import select_for

    described = described_tables(context, tables, engine)
    if len(described.tables) < len(tables):
        return ""
    columns = tuple((table, each.name, each.type) for table in described.tables for each in described[table].columns)

    def written() -> str:
        try:
            return select_for(Path("check"), sql, engine, described)
        except ModelError:
            return ""

    found: str = context.cache.of(("in engine", engine, sql, columns), written)
    return found


def bytes_of(context: LakeContext, pointer: str) -> int:
    """Return the size of a table's data files."""
    size: int = context.cache.of(("bytes", pointer), lambda: files_size(pointer, context.storage.read))
    return size


@dataclass(frozen=True, slots=True)
class _EngineQueries:
    """Queries of checks, in DuckDB's SQL, on another engine.

    Attributes:
        rows: returns the rows of one.
    """

    rows: Callable[[str], list[tuple[Any, ...]]]

    def query(self, sql: str) -> _Rows:
        """Run a query; raises `QueryError`, `EngineUnavailable`."""
        return _Rows(self.rows(sql))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that have been fetched."""

    rows: list[tuple[Any, ...]]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return them."""
        return self.rows
