"""The rows of a model's SELECT over its inputs: of the embedded engine, or as another one has written them."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from lagoa.catalog.readable import table_at
from lagoa.contracts.scd2 import DELETED, selected_columns
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.tables import TableName
from lagoa.write import SessionQuery, WrittenRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.contracts import Contract, Contracts
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.sql_models import Model
    from lagoa.sql_models.materialize.build import Build
    from lagoa.storage.port import Storage

Conditions: TypeAlias = "Mapping[TableName, Sequence[str]]"
"""SQL conditions by input, of which a row of it must fulfil one to be read; no row fulfils two."""

_ALL: Conditions = MappingProxyType({})
_HIDDEN = "lagoa_whole"


@contextmanager
def rows_of(work: Build, conditions: Conditions = _ALL, *, combined: bool) -> Iterator[SessionQuery]:
    """Yield the rows of a model of SQL as a query in an open session of the embedded engine.

    Args:
        work: the model.
        conditions: which rows of its inputs are read; all by default.
        combined: whether the rows are read again, to be combined with those of the table. If not, the files that
            another engine writes become the table's.

    Raises:
        QueryError, EngineUnavailable: the other engine fails.
    """
    context = work.context
    engine = context.model_engine if work.query is not None else None
    if engine is None or work.query is None:
        with _narrowed_session(context.engine, work.inputs, conditions) as session:
            yield SessionQuery(session, work.model.text)
        return
    query = work.query
    if conditions:
        from lagoa.sql_models.dialects import for_engine

        query = for_engine(narrowed(work.model, conditions, context.contracts), engine.name, context.contracts)
    build = partial(engine.build, query, work.inputs)
    with context.engine.session({}) as session:
        if combined:
            pointer = build(_selected(context.contracts[work.model.table]))
            yield SessionQuery(session, f"SELECT * FROM {session.table_at(pointer)}")
        else:
            yield WrittenRows(session, "", build=lambda table: _files(context.storage, build(table)))


def narrowed(model: Model, conditions: Conditions, contracts: Contracts) -> Model:
    """Return a model whose SELECT reads only the rows of some inputs that fulfil one of their conditions."""
    from sqlglot import exp, parse_one

    from lagoa.sql_models.columns import DIALECT
    from lagoa.sql_models.sql import read_model

    query = read_model(model.file, model.text, contracts).resolved
    for table in list(query.find_all(exp.Table)):
        name = TableName((table.db,), table.name)
        if name in conditions:
            columns = ", ".join(name_in_sql(column.name) for column in contracts[name].all_columns)
            either = " OR ".join(f"({each})" for each in conditions[name]) or "false"
            part = parse_one(f"SELECT {columns} FROM {table_in_sql(name)} WHERE {either}", dialect=DIALECT)
            table.replace(exp.Subquery(this=part, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
    return replace(model, text=query.sql(DIALECT))


def _selected(contract: Contract) -> TableMetadata:
    """Return the metadata of a table of what a model's SELECT yields; it has no place."""
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
    from pyiceberg.types import BooleanType, NestedField

    known = {each.name: each.field_type for each in contract.schema().fields} | {DELETED: BooleanType()}
    fields = [
        NestedField(number, name, known[name], required=False)
        for number, name in enumerate(selected_columns(contract), 1)
    ]
    return new_table_metadata(Schema(*fields), UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, location="")


def _files(storage: Storage, pointer: str) -> list[DataFile]:
    return [task.file for task in table_at(storage, pointer).scan().plan_files()]


@contextmanager
def _narrowed_session(engine: SqlEngine, inputs: Pointers, conditions: Conditions) -> Iterator[SqlSession]:
    """Open a session in which some tables have only the rows that fulfil one of their conditions."""
    hidden = {table: TableName((_HIDDEN,), f"input_{number}") for number, table in enumerate(conditions)}
    with engine.session({hidden.get(table, table): state for table, state in inputs.items()}) as session:
        for table, conditioned in conditions.items():
            source = f"{name_in_sql(_HIDDEN)}.{name_in_sql(hidden[table].name)}"
            parts = " UNION ALL ".join(f"SELECT * FROM {source} WHERE {each}" for each in conditioned or ["false"])
            session.query(f"CREATE SCHEMA IF NOT EXISTS {name_in_sql(table.layer)}").fetchall()
            session.query(f"CREATE VIEW {table_in_sql(table)} AS {parts}").fetchall()
        yield session
