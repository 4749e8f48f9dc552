"""Unit tests of models: given rows of the inputs, the rows that the model must make from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.lists import counted
from lagoa.sql_models import load_models, unknown_model
from lagoa.sql_models.testing.comparing import ChangedRow, Difference
from lagoa.sql_models.testing.reading import ModelTest, read_tests
from lagoa.sql_models.testing.running import ModelTestResult, run_test

if TYPE_CHECKING:
    from collections.abc import Collection

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.sql_models import Models

__all__ = ["ChangedRow", "Difference", "ModelTest", "ModelTestReport", "ModelTestResult", "read_tests", "run_tests"]


@dataclass(frozen=True, slots=True)
class ModelTestReport:
    """The results of all tests that were run.

    Attributes:
        results: one per test, by table.
        untested: selected models that have no test.
    """

    results: tuple[ModelTestResult, ...]
    untested: tuple[TableName, ...]

    def __repr__(self) -> str:
        tests = f"{counted(len(self.results), 'test')}, {len(self.failed):,} failed"
        return f"<ModelTestReport: {tests}, {counted(len(self.untested), 'model')} without tests>"

    @property
    def failed(self) -> tuple[ModelTestResult, ...]:
        """The results of tests that did not pass."""
        return tuple(result for result in self.results if not result.passed)


def run_tests(context: LakeContext, select: Collection[str] | None = None) -> ModelTestReport:
    """Run the tests of models, in memory: nothing of the lake's data is read and nothing is written.

    Args:
        context: the lake.
        select: names of tables or layers whose models are tested; all by default.

    Raises:
        InvalidName: a name that is neither that of a model nor that of a layer with models.
        ModelError, ContractError: a model or a contract that cannot be used.
        ModelTestError: a test that cannot be used.
    """
    settings, contracts = context.settings, context.contracts
    models = load_models(settings.models_folder, contracts, settings.cache("models"))
    chosen = _chosen(models, select)
    tests = [test for test in read_tests(settings.models_folder, models, contracts) if test.table in chosen]
    results = tuple(run_test(context, models[test.table], test) for test in tests)
    tested = {test.table for test in tests}
    return ModelTestReport(results, tuple(table for table in chosen if table not in tested))


def _chosen(models: Models, select: Collection[str] | None) -> list[TableName]:
    for name in select or ():
        if not any(name in (str(table), table.layer) for table in models):
            raise unknown_model(name, models)
    return sorted(table for table in models if select is None or {str(table), table.layer} & set(select))
