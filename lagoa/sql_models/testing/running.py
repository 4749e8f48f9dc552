"""Runs one test: the model over the given rows, with the types of its contract."""

# ruff: noqa: S608 - names are quoted or are constants of this module
from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.contracts.rules import row_rules
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import LagoaError, ModelError, QueryError, WriteError
from lagoa.sql_models import error_line
from lagoa.sql_models.testing.comparing import Difference, compare, shown_row
from lagoa.sql_models.testing.rows import arrow_rows
from lagoa.write.frames import Frame
from lagoa.write.scd2 import stage_observations
from lagoa.write.sources import SessionQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.settings import Settings
    from lagoa.sql_models import Model
    from lagoa.sql_models.testing.reading import ModelTest

_OUTPUT, _RETURNED = "_lagoa_output", "_lagoa_returned"


@dataclass(frozen=True, slots=True)
class ModelTestResult:
    """The result of one test.

    Attributes:
        test: the test.
        seconds: wall time.
        difference: how the rows differ from those expected, in the columns that the test names.
        broken: what else is wrong, a line each: the SQL fails, a value or a null that the table cannot hold, a row
            that breaks a rule of the contract, a key that is not unique.
    """

    test: ModelTest
    seconds: float
    difference: Difference
    broken: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the rows are the expected ones and the contract holds."""
        return not (self.difference or self.broken)

    @property
    def lines(self) -> list[str]:
        """What is wrong, a line each."""
        return [*self.broken, *self.difference.lines()]


def run_test(context: LakeContext, model: Model, test: ModelTest) -> ModelTestResult:
    """Run the model over the given rows; its rows are cast to the contract's types, as the write would."""
    started = time.perf_counter()
    engine, contracts = context.engine, context.contracts
    contract = contracts[model.table]
    tables = {table: arrow_rows(contracts[table], test.given.get(table, ())) for table in model.inputs}
    difference, broken = Difference(), []
    with engine.session_of(tables) as session:
        try:
            with _rows(context.settings, model, contract, session) as select:
                session.stage(_OUTPUT, *_written(session, select, contract))
            found = session.query(_compared(engine, test)).arrow().to_pylist()
            columns = test.columns or [column.name for column in contract.all_columns]
            difference = compare(contract, columns, test.expected, found)
            broken = list(_broken_rules(session, contract))
        except (ModelError, QueryError, WriteError) as error:
            broken = [_said(error)]
    return ModelTestResult(test, time.perf_counter() - started, difference, tuple(broken))


def _said(error: ModelError | QueryError | WriteError) -> str:
    """Return on one line why the model has no rows, with the line of its file behind it."""
    if isinstance(error, ModelError):
        text, line = error.message.removeprefix(f"{error.file}:{error.line}: "), error.line
    else:
        text, line = error.message.splitlines()[0], error_line(error)
    return text + (f" (line {line})" if line else "")


@contextmanager
def _rows(settings: Settings, model: Model, contract: Contract, session: SqlSession) -> Iterator[str]:
    """Yield SQL for the model's rows in a session with its inputs."""
    if model.function is None:
        yield model.text
        return
    from lagoa.sql_models.python.running import returned_rows

    with returned_rows(settings, model, contract, session) as rows:
        frame = Frame(contract.table, _metadata(contract).schema(), rows)
        session.register(_RETURNED, frame)
        try:
            yield frame.query(_RETURNED)
        except LagoaError as error:
            raise frame.error_of(error) from error


def _written(session: SqlSession, select: str, contract: Contract) -> tuple[str, TableMetadata]:
    """Return SQL for the rows that a first write of a SELECT would leave, and the table's metadata."""
    metadata = _metadata(contract)
    if contract.scd2 is not None:
        select = stage_observations(SessionQuery(session, select), metadata, contract)
    return select, metadata


def _compared(engine: SqlEngine, test: ModelTest) -> str:
    """Return SQL for the rows that are compared; a condition must be allowed in queries and must not read a table."""
    if test.where is None:
        return f"SELECT * FROM {_OUTPUT}"
    if reads := engine.tables_read(f"SELECT ({test.where}\n)"):
        raise QueryError(f"`where` names {', '.join(map(str, reads))}: it is a condition on the model's own rows.")
    return f"SELECT * FROM {_OUTPUT} WHERE ({test.where}\n)"


def _metadata(contract: Contract) -> TableMetadata:
    """Return the metadata of the table that a first write would create."""
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

    location = f"{contract.table.layer}/{contract.table.name}"
    return new_table_metadata(contract.schema(), UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, location)


def _broken_rules(session: SqlSession, contract: Contract) -> Iterator[str]:
    """Yield the row rules and keys of the contract that do not hold, each with one of the rows."""
    warning = {column.name for column in contract.columns if column.severity != "fail"}
    rules = [rule for rule in row_rules(contract) if rule.kind == "required" or rule.column not in warning]
    broken = session.query(
        f"SELECT {', '.join(f'bool_or({rule.violated})' for rule in rules) or 'NULL'} FROM {_OUTPUT}"
    )
    queries = {
        rule.reason: f"SELECT * FROM {_OUTPUT} WHERE {rule.violated} LIMIT 1"
        for rule, found in zip(rules, broken.fetchall()[0], strict=False)
        if found
    }
    if contract.materialization != "merge":  # a merge keeps the latest row of a key
        keys: list[tuple[str, ...]] = [
            (each.name,) for each in contract.columns if each.unique and each.name not in warning
        ]
        if contract.key and contract.severity.get("key") != "warn":
            keys.append(contract.key)
        queries |= {f"{', '.join(key)} is not unique": _repeated(key) for key in keys}
    for reason, sql in queries.items():
        for row in session.query(sql).arrow().to_pylist():
            known = {name: value for name, value in row.items() if value is not None}
            yield f"the contract is broken: {reason}: {shown_row(known)}"


def _repeated(key: Sequence[str]) -> str:
    names = [name_in_sql(name) for name in key]
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"SELECT {', '.join(names)} FROM {_OUTPUT} WHERE {present} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
