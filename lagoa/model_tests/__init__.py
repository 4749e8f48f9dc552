"""Unit tests of models: given rows of the inputs, the rows that the model is to make of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.contracts.rules import row_rules
from lagoa.errors import InvalidName, QueryError, WriteError
from lagoa.model_tests.comparing import ChangedRow, Difference, compare, shown_row
from lagoa.model_tests.reading import ModelTest, read_tests
from lagoa.model_tests.rows import arrow_rows
from lagoa.models import load_models
from lagoa.sql_names import name_in_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract, Contracts
    from lagoa.model import TableName
    from lagoa.models import Model, Models
    from lagoa.ports import SqlEngine, SqlSession

__all__ = ["ChangedRow", "Difference", "ModelTest", "ModelTestReport", "ModelTestResult", "run_tests"]

_OUTPUT = "_lagoa_output"


@dataclass(frozen=True, slots=True)
class ModelTestResult:
    """What one test found.

    Attributes:
        test: the test.
        seconds: wall time.
        difference: how the rows differ from those expected, in the columns that the test names.
        broken: what else is wrong, a line each: the SQL fails, a value or a null that the table cannot hold, a row
            that breaks a rule of the contract, a key that comes twice.
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


@dataclass(frozen=True, slots=True)
class ModelTestReport:
    """What all tests that were run found.

    Attributes:
        results: one a test, by table.
        untested: models, of those chosen, that have no test.
    """

    results: tuple[ModelTestResult, ...]
    untested: tuple[TableName, ...]

    @property
    def failed(self) -> tuple[ModelTestResult, ...]:
        """The results that are not as they should be."""
        return tuple(result for result in self.results if not result.passed)


def run_tests(context: LakeContext, select: Collection[str] | None = None) -> ModelTestReport:
    """Run the tests of models, in memory: nothing of the lake's data is read and nothing is written.

    Args:
        context: the lake.
        select: names of tables or layers whose models are tested; all by default.

    Raises:
        InvalidName: a name that is neither a model's nor a layer's with models.
        ModelError, ContractError: a model or a contract that cannot be used.
        ModelTestError: a test that cannot be used.
    """
    settings, contracts = context.settings, context.contracts
    models = load_models(settings.models_folder, contracts, settings.state_folder / "models.json")
    chosen = _chosen(models, select)
    tests = [test for test in read_tests(settings.models_folder, models, contracts) if test.table in chosen]
    results = tuple(_run(context.engine, models[test.table], contracts, test) for test in tests)
    tested = {test.table for test in tests}
    return ModelTestReport(results, tuple(table for table in chosen if table not in tested))


def _chosen(models: Models, select: Collection[str] | None) -> list[TableName]:
    for name in select or ():
        if not any(name in (str(table), table.layer) for table in models):
            raise InvalidName("model", name, f"a table or layer that has models: {', '.join(map(str, models))}")
    return sorted(table for table in models if select is None or {str(table), table.layer} & set(select))


def _run(engine: SqlEngine, model: Model, contracts: Contracts, test: ModelTest) -> ModelTestResult:
    """Run the model over the given rows, and keep its rows in the contract's types, as the write would."""
    started = time.perf_counter()
    contract = contracts[model.table]
    tables = {table: arrow_rows(contracts[table], test.given.get(table, ())) for table in model.inputs}
    difference, broken = Difference(), []
    with engine.session_of(tables) as session:
        try:
            session.stage(_OUTPUT, model.sql, _metadata(contract))
            found = session.query(_compared(engine, test)).arrow().to_pylist()
            broken = _broken_rules(session, contract)
            columns = test.columns or [column.name for column in contract.all_columns]
            difference = compare(contract, columns, test.expected, found)
        except (QueryError, WriteError) as error:
            broken = [error.message.splitlines()[0]]
    return ModelTestResult(test, time.perf_counter() - started, difference, tuple(broken))


def _compared(engine: SqlEngine, test: ModelTest) -> str:
    """Return SQL for the rows that are compared; a condition is let through if it is a user's query's, of no table."""
    if test.where is None:
        return f"SELECT * FROM {_OUTPUT}"  # noqa: S608 - a name of ours
    if reads := engine.tables_read(f"SELECT ({test.where}\n)"):
        raise QueryError(f"`where` names {', '.join(map(str, reads))}: it is a condition on the model's own rows.")
    return f"SELECT * FROM {_OUTPUT} WHERE ({test.where}\n)"  # noqa: S608 - it has been through the engine's parser


def _metadata(contract: Contract) -> Any:
    """Return the metadata of the table that a first write would make."""
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

    location = f"{contract.table.layer}/{contract.table.name}"
    return new_table_metadata(contract.schema(), UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, location)


def _broken_rules(session: SqlSession, contract: Contract) -> list[str]:
    """Return what of the contract does not hold for the rows: the rules of a row, and the key."""
    severity = {column.name: column.severity for column in contract.columns}
    rules = [rule for rule in row_rules(contract) if rule.kind == "required" or severity[rule.column] == "fail"]
    queries = {
        rule.reason: f"SELECT * FROM {_OUTPUT} WHERE {rule.violated} LIMIT 1"  # noqa: S608 - of our own making
        for rule in rules
    }
    if contract.materialization != "merge":  # a merge keeps the latest row of a key
        keys = [
            contract.key,
            *((column.name,) for column in contract.columns if column.unique and column.severity == "fail"),
        ]
        queries |= {f"{', '.join(key)} comes twice": _twice(key) for key in keys if key}
    return [
        f"the contract is broken: {reason}: {shown_row(row)}"
        for reason, sql in queries.items()
        for row in session.query(sql).arrow().to_pylist()
    ]


def _twice(key: Sequence[str]) -> str:
    names = [name_in_sql(name) for name in key]
    there = " AND ".join(f"{name} IS NOT NULL" for name in names)
    listed = ", ".join(names)
    return f"SELECT {listed} FROM {_OUTPUT} WHERE {there} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"  # noqa: S608
