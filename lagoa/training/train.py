"""Training a model at a commit: the commit is pinned by a tag, the run recorded, its model registered."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any

from lagoa.audit.records import RECEIPT
from lagoa.domain.optional import extra
from lagoa.domain.refs import MAIN
from lagoa.domain.training import CANDIDATE, TAGS, SetRecord, TrainingRun
from lagoa.errors import LagoaError
from lagoa.features.offline import TablesAt
from lagoa.sql_models.sql import read_model as read_sql
from lagoa.training.backtest import backtest, elasticities
from lagoa.training.definition import model_names, read_model
from lagoa.training.digest import digest_of_folder
from lagoa.training.environment import hardware, one_thread, packages
from lagoa.training.evaluation import evaluate, fit, moment_at, split
from lagoa.training.fitted import NEEDS
from lagoa.training.origin import branch_of, is_of_main
from lagoa.training.search import search
from lagoa.training.shown import typical_row
from lagoa.training.training_set import Selections, training_set, views_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.training import Trial
    from lagoa.training.definition import Model
    from lagoa.training.evaluation import Evaluation, Split
    from lagoa.training.fitted import Fitted
    from lagoa.training.training_set import TrainingSet


@dataclass(frozen=True, slots=True)
class Trained:
    """A model after its training.

    Attributes:
        fitted: the model.
        parts: the rows that it learned from and was tested with.
        evaluation: what the test found.
        parameters: of its function.
        trials: what a search tried.
    """

    fitted: Fitted
    parts: Split
    evaluation: Evaluation
    parameters: dict[str, Any]
    trials: tuple[Trial, ...]


def train(context: LakeContext, models: Sequence[str] = (), ref: str = MAIN, trials: int = 0) -> list[TrainingRun]:
    """Train models at a ref, record the runs and register the models.

    Args:
        context: the lake's.
        models: their names; all that the lake defines by default.
        ref: where their rows are read; it is resolved once.
        trials: how many combinations of parameters a search tries for each; 0 for no search.

    Raises:
        TrainingError: a model that there is not, or whose rows or function cannot be used.
        DefinitionError, ModelError: the definition or the SELECT, with the line.
        RefNotFound, TableNotFound, FeatureError, QueryError: what the ref lacks.
        TrainingUnavailable: the records, or MLflow's store, cannot be written.
        PartMissing: the extra `ml` is not installed.
    """
    with extra("ml", NEEDS):
        import lightgbm  # noqa: F401
        import mlflow.version  # noqa: F401
        import sklearn  # noqa: F401
    context.resolve(ref)  # a tag keeps the state, which has to be whole: with tables of layers that are not read here
    tables = TablesAt(context, ref)
    folder = context.settings.ml_folder
    found = [read_model(folder, name) for name in models or model_names(folder)]
    for model in found:  # with the line of what cannot be read or gives other rows each time
        read_sql(folder / model.definition.rows, model.sql, context.contracts)
    ready = Thread(target=_prepare, args=(context,), daemon=True)  # takes seconds, most of them for a new store
    ready.start()
    selections = Selections(context, tables)
    try:
        return [_train(context, model, selections, ready, trials) for model in found]
    finally:
        ready.join()  # also after an error: a store whose creation ends with the process is half made


def learn(model: Model, rows: TrainingSet, parameters: Mapping[str, Any] | None = None, trials: int = 0) -> Trained:
    """Fit a model to its labelled rows, and test it.

    Args:
        model: the model.
        rows: its rows.
        parameters: of its function; by default those of the definition, or the best of a search.
        trials: how many combinations a search tries; 0 for no search.

    Raises:
        TrainingError: as `split`, `fit`, `search` and `evaluate` raise it.
    """
    parts = split(model, rows)
    with one_thread():
        tried = search(model, rows, parts, trials) if trials else ()
        chosen = dict(parameters if parameters is not None else model.definition.parameters)
        chosen = dict(tried[0].parameters) if tried else chosen
        fitted = fit(model, rows, parts, chosen)
        return Trained(fitted, parts, evaluate(model, fitted, parts), chosen, tried)


def _prepare(context: LakeContext) -> None:
    with suppress(Exception):  # the same is raised where a run is logged
        context.tracking.prepare()


def _train(context: LakeContext, model: Model, selections: Selections, ready: Thread, trials: int) -> TrainingRun:
    tables = selections.tables
    began, at = time.perf_counter(), context.clock().astimezone(UTC)
    name = f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    tag = f"{TAGS}{model.name}/{name}"
    context.catalog.create_tag(tag, tables.commit)  # first of all, so that nothing deletes what is being read
    try:
        views = views_of(context, model.definition)
        rows = training_set(model, selections, views).labelled(model.definition.label)
        trained = learn(model, rows, trials=trials)
        with one_thread():
            spans = backtest(model, rows, trained.parameters)
            answers = elasticities(model.definition, trained.fitted, trained.parts.test)
        run = TrainingRun(
            id=name,
            model=model.name,
            at=at,
            author=context.settings.author,
            ref=tables.ref,
            branch=branch_of(context, tables.ref),
            commit=tables.commit,
            tag=tag,
            files=model.files,
            parameters=trained.parameters,
            rows=set_record(rows, trained),
            metrics=trained.evaluation.metrics,
            segments=trained.evaluation.segments,
            limits=trained.evaluation.limits,
            importances=trained.evaluation.importances,
            drift=trained.evaluation.drift,
            predictions=trained.evaluation.digest,
            packages=packages(),
            hardware=hardware(),
            notes=trained.evaluation.notes,
            seconds=time.perf_counter() - began,
            scores=trained.evaluation.scores,
            trials=trained.trials,
            receipt=context.catalog.get(tables.commit).properties.get(RECEIPT, ""),
            spreads=trained.evaluation.spreads,
            elasticities=answers,
            backtest=spans,
        )
        return _register(context, model, run, trained, ready)
    except BaseException:
        with suppress(LagoaError):
            context.catalog.delete_ref(tag, tables.commit)
        raise


def set_record(rows: TrainingSet, trained: Trained) -> SetRecord:
    """Return what is kept of a training set."""
    parts = trained.parts
    return SetRecord(
        digest=rows.digest(),
        rows=rows.table.num_rows,
        trained=parts.train.num_rows,
        tested=parts.test.num_rows,
        cut=moment_at(parts.cut),
        until=moment_at(rows.moments().max()),
        tables=dict(rows.tables),
        views=rows.views,
        features=rows.features,
        texts=tuple(each.name for each in trained.fitted.types if each.categories is not None),
    )


def _register(context: LakeContext, model: Model, run: TrainingRun, trained: Trained, ready: Thread) -> TrainingRun:
    """Show a run in MLflow, register its model there, and record the run."""
    from lagoa.training.plots import draw

    with TemporaryDirectory(prefix="lagoa-ml-") as folder:
        saved, plots = Path(folder) / "model", Path(folder) / "plots"
        trained.fitted.save(saved, model.definition.trusted, model.name)
        run = replace(run, saved=digest_of_folder(saved))
        draw(plots, model, run, trained.evaluation)
        ready.join()
        tracked = context.tracking.log(run, saved, plots, typical_row(trained.parts.train, run.rows))
    run = replace(run, version=tracked.version, tracking=tracked.run, place=tracked.place)
    if is_of_main(context, run):
        context.tracking.set_alias(run.model, CANDIDATE, run.version)
    context.training.add(run)  # last of all: a run that is kept is complete
    return run
