"""Builds some models on a branch: in the order of their dependencies, independent ones in parallel."""

from __future__ import annotations

import json
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import BUILT_ON, FINGERPRINT, INPUTS
from lagoa.domain.lists import counted
from lagoa.errors import ModelError, QueryError, WriteError
from lagoa.sql_models import error_line
from lagoa.sql_models.engine_choice import engine_of
from lagoa.sql_models.materialize import Build, build
from lagoa.sql_models.staleness import fingerprint, is_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.errors import LagoaError
    from lagoa.sql_models import Model, Models
    from lagoa.sql_models.materialize import Again


@dataclass(frozen=True, slots=True)
class ModelResult:
    """The result of one model.

    Attributes:
        table: the table it makes.
        rows: rows written; 0 if it was skipped.
        skipped: whether the table was up to date.
        seconds: wall time.
        commit: id of the commit that contains the table; None if it was skipped.
        pointer: location of the table's metadata.
        how: what was done in effect: `full`, `merge` and so on; empty if it was skipped.
        increments: names of the intervals or batches that were built, if it was incremental.
        reason: why an incremental table was built in full; empty if it was not.
    """

    table: TableName
    rows: int
    skipped: bool
    seconds: float
    commit: str | None
    pointer: str | None
    how: str = ""
    increments: tuple[str, ...] = ()
    reason: str = ""

    def __repr__(self) -> str:
        done = "up to date" if self.skipped else f"{counted(self.rows, 'row')} written, {self.how}"
        return f"<ModelResult {self.table}: {done}>"


@dataclass
class Run:
    """One run of some models on a branch.

    Attributes:
        context: the lake.
        branch: the work branch.
        models: the lake's models.
        pointers: the tables that models read: the branch's at the start, then those that this run has made.
        waiting: the models that are still to be done.
        chains: the length of the longest chain of models that begins with each.
        again: what is to be built though nothing changed.
        queries: SELECTs in the SQL of another engine, which runs them.
        results: the results of the models that are done.
        failed: the models that failed, with their errors.
    """

    context: LakeContext
    branch: str
    models: Models
    pointers: dict[TableName, str]
    waiting: list[TableName]
    chains: Mapping[TableName, int]
    again: Mapping[TableName, Again]
    queries: dict[TableName, str] = field(default_factory=dict)
    results: dict[TableName, ModelResult] = field(default_factory=dict)
    failed: list[tuple[TableName, Exception]] = field(default_factory=list)

    def run(self, workers: int, on_done: Callable[[ModelResult], None]) -> None:
        """Run every waiting model; after a failure, only finish those that are already running."""
        running: dict[Future[ModelResult], TableName] = {}
        begun = False
        with ExitStack() as sharing, ThreadPoolExecutor(workers, thread_name_prefix="lagoa-model") as pool:
            while True:
                while len(running) < workers and (table := self._next()):
                    started = time.perf_counter()
                    if table in self.again or is_stale(self.context, self.models[table], self.pointers):
                        if not begun:  # an engine is opened only if a model runs
                            self._check_engine(table)
                            sharing.enter_context(self.context.engine.shared(workers))
                            begun = True
                        running[self._start(pool, table)] = table
                    else:
                        seconds = time.perf_counter() - started
                        self.results[table] = ModelResult(table, 0, True, seconds, None, self.pointers[table])
                        on_done(self.results[table])
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    table = running.pop(future)
                    try:
                        result = future.result()
                    except Exception as error:  # noqa: BLE001 - raised again when no model is running
                        self.failed.append((table, error))
                        continue
                    self._keep(result)
                    on_done(result)

    def _check_engine(self, first: TableName) -> None:
        """Check that another engine can run the first model and all that wait.

        Raises:
            ModelError: it would run one with other rows than DuckDB; nothing has run then.
        """
        if self.context.settings.engine != "auto":
            for table in (first, *self.waiting):
                self._query(self.models[table])

    def _query(self, model: Model) -> str | None:
        """Return a model's SELECT in the SQL of the engine that runs it; None for the SQL engine and for a function."""
        chosen = engine_of(self.context, model, self.pointers)
        if chosen in {"duckdb", "python"}:
            return None
        engine = self.context.model_engine  # opened only for a model that runs on it
        if engine is None:
            return None
        if model.table not in self.queries:
            from lagoa.sql_models.dialects import for_engine

            self.queries[model.table] = for_engine(model, engine.name, self.context.contracts)
        return self.queries[model.table]

    def _next(self) -> TableName | None:
        """Take the model that may run now and begins the longest chain of models."""
        ready = [t for t in self.waiting if all(need in self.results for need in self.models.before(t))]
        if self.failed or not ready:
            return None
        table = max(ready, key=lambda each: self.chains[each])
        self.waiting.remove(table)
        return table

    def _start(self, pool: ThreadPoolExecutor, table: TableName) -> Future[ModelResult]:
        model = self.models[table]
        inputs = {name: self.pointers[name] for name in model.inputs}
        properties = {
            FINGERPRINT: fingerprint(self.context, model, inputs),
            INPUTS: json.dumps({str(name): pointer for name, pointer in sorted(inputs.items())}),
            BUILT_ON: self.pointers.get(table, ""),
        }
        again, query = self.again.get(table), self._query(model)
        work = Build(self.context, self.branch, model, inputs, properties, again, query)
        return pool.submit(_build, work)

    def _keep(self, result: ModelResult) -> None:
        self.results[result.table] = result
        if result.pointer is not None:
            self.pointers[result.table] = result.pointer


def chains_of(models: Models, chosen: Sequence[TableName]) -> dict[TableName, int]:
    """Return for each model the length of the longest chain of models that begins with it."""
    chains = dict.fromkeys(chosen, 1)
    for table in reversed(chosen):
        for need in models.before(table):
            chains[need] = max(chains[need], chains[table] + 1)
    return chains


def _build(work: Build) -> ModelResult:
    """Run one model over its inputs and commit its table."""
    started = time.perf_counter()
    try:
        built = build(work)
    except (QueryError, WriteError) as error:
        raise _at_its_file(work.model, error) from error
    return ModelResult(
        table=work.model.table,
        rows=built.write.rows_added,
        skipped=False,
        seconds=time.perf_counter() - started,
        commit=built.commit.id if built.commit else None,
        pointer=built.write.pointer,
        how=built.how,
        increments=built.increments,
        reason=built.reason,
    )


def _at_its_file(model: Model, error: LagoaError) -> ModelError:
    """Return an error of the engine or of the write as one of the model."""
    line = error_line(error)
    if line is None and model.function is not None:
        line = model.function.line
    advice = error.advice or "Fix the model; what was finished stays, and `lagoa transform` continues from there."
    return ModelError(model.file, line, f"{model.table} failed: {error.message}", advice)
