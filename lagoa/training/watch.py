"""Watching a model after its training: whether new rows are like those it learned from, and what came true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.features import microseconds_of
from lagoa.domain.training import HIGHER_IS_BETTER, Metric
from lagoa.errors import TrainingError
from lagoa.features.offline import TablesAt
from lagoa.training.definition import unpacked
from lagoa.training.environment import one_thread
from lagoa.training.evaluation import by_segment, label_of, limits_kept, moment_at, predict
from lagoa.training.fitted import frame_of, load_fitted, middle_of
from lagoa.training.metrics import chance, draws, figures_with_intervals, scored, spread_of, stability
from lagoa.training.training_set import KNOWN, MOMENT, Selections, Views, training_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.training import LimitResult, TrainingRun
    from lagoa.training.definition import Definition, Model
    from lagoa.training.fitted import Fitted

_DAY = 86_400_000_000
_FEWEST = 100
"""Rows below which nothing is concluded."""
_SHIFTED = 0.25
"""A population stability index above which a feature is usually said to have shifted."""
_MOST = 0.99
"""The share of labels after whose time all labels of a moment count as known."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run, and the rows that came after those it was tested with.

    Attributes:
        run: the run.
        commit: that the rows were read from.
        since: rows later than this moment were looked at (UTC).
        rows: how many.
        drift: by feature, the population stability index between the rows learned from and these, the largest first.
        scores: the index between the predictions of the test and those for these rows.
        outcomes: rows of which came true what was predicted or not: only moments whose labels are known by now.
        metrics: of these rows; empty without them.
        limits: those of the definition, on these rows.
        findings: what speaks for training again; empty if nothing does.
    """

    run: TrainingRun
    commit: str
    since: datetime
    rows: int
    drift: Mapping[str, float]
    scores: float
    outcomes: int
    metrics: Mapping[str, Metric]
    limits: tuple[LimitResult, ...]
    findings: tuple[str, ...]


def watch(context: LakeContext, run: TrainingRun, ref: str, days: int) -> Watched:
    """Compare the rows of a ref that are later than those of a run with what the run knew.

    Args:
        context: the lake's.
        run: the run.
        ref: where the rows are read.
        days: how many of the latest days count at most, for the features and for what came true.

    Raises:
        TrainingError: a column that the model needs is gone, or the run is too old to say how its features were spread.
        TrainingUnavailable: the model's files are gone.
        QueryError, RefNotFound, TableNotFound, FeatureError: what its rows read is gone.
    """
    if not run.spreads:
        advice = "Train the model again, and promote it."
        raise TrainingError(
            f"The run {run.id}", "it is of a version that did not keep how features were spread", advice
        )
    tables = TablesAt(context, ref)
    with unpacked(run.model, run.files) as model, one_thread():
        rows = training_set(model, Selections(context, tables), Views.from_json(run.rows.views)).table
        fitted = load_fitted(context.tracking.files(run), model.definition.trusted)
        since = max(microseconds_of(run.rows.until), _latest(rows, MOMENT) - days * _DAY)
        new = _between(rows, since, None)
        drift, scores = _drift(run, model, fitted, new) if new.num_rows else ({}, 0.0)
        known = _with_outcome(rows, model.definition, microseconds_of(run.rows.until), days)
        metrics, limits = _outcomes(model, fitted, known) if known.num_rows else ({}, ())
        findings = []
        if new.num_rows >= _FEWEST:
            findings += list(_shifts(run, drift, scores, new.num_rows))
        if known.num_rows >= _FEWEST:
            findings += list(_worse(run, model.definition, metrics, limits))
    return Watched(
        run,
        tables.commit,
        moment_at(since),
        new.num_rows,
        drift,
        scores,
        known.num_rows,
        metrics,
        limits,
        tuple(findings),
    )


def _latest(rows: pa.Table, column: str) -> int:
    import pyarrow.compute as pc

    return pc.max(rows[column]).as_py() or 0


def _between(rows: pa.Table, after: int, until: int | None) -> pa.Table:
    import pyarrow.compute as pc

    found = rows.filter(pc.greater(rows[MOMENT], after))
    return found if until is None else found.filter(pc.less_equal(found[MOMENT], until))


def _with_outcome(rows: pa.Table, definition: Definition, tested: int, days: int) -> pa.Table:
    """Return the rows with labels, of moments whose labels are known: the first to be known are not like the others."""
    import numpy as np
    import pyarrow.compute as pc

    labelled = rows.filter(pc.is_valid(rows[definition.label]))
    if not labelled.num_rows:
        return labelled
    waits = pc.subtract(labelled[KNOWN], labelled[MOMENT]).to_numpy()
    now = max(_latest(rows, MOMENT), _latest(labelled, KNOWN))  # not when a label is expected that is not there yet
    until = now - int(np.quantile(waits, _MOST))
    return _between(labelled, max(tested, until - days * _DAY), until)


def _drift(run: TrainingRun, model: Model, fitted: Fitted, rows: pa.Table) -> tuple[dict[str, float], float]:
    import pandas as pd

    frame = frame_of(rows, fitted.types)
    found = {name: stability(spread, frame[name]) for name, spread in run.spreads.items()}
    predicted = pd.Series(middle_of(predict(model, fitted, rows)))
    scores = stability(spread_of(pd.Series(run.scores)), predicted)
    return dict(sorted(found.items(), key=lambda each: -each[1])), scores


def _outcomes(model: Model, fitted: Fitted, rows: pa.Table) -> tuple[dict[str, Metric], tuple[LimitResult, ...]]:
    definition = model.definition
    label, predicted = label_of(rows, definition), predict(model, fitted, rows)
    found = scored(definition.kind, label, predicted, definition.quantiles)
    figures = figures_with_intervals(found, draws(rows[MOMENT].to_numpy()))
    metrics = {name: Metric(*values) for name, values in figures.items()}
    return metrics, limits_kept(definition, metrics, by_segment(definition, rows, label, middle_of(predicted)))


def _shifts(run: TrainingRun, drift: Mapping[str, float], scores: float, rows: int) -> Iterator[str]:
    for name, value in drift.items():
        tested = run.drift.get(name, 0.0)  # the test was passed with that
        if value > max(_SHIFTED + chance(run.rows.trained, rows), tested):
            yield f"{name} has shifted: its stability index is {value:.2f}, and was {tested:.2f} in the test"
    if scores > _SHIFTED + chance(run.rows.tested, rows):
        yield f"what is predicted has shifted: its stability index is {scores:.2f}"


def _worse(
    run: TrainingRun, definition: Definition, metrics: Mapping[str, Metric], limits: tuple[LimitResult, ...]
) -> Iterator[str]:
    name = definition.metric
    now, then = metrics[name], run.metrics[name]
    if now.high < then.low if name in HIGHER_IS_BETTER else now.low > then.high:
        yield (
            f"{name} is {now.value:.4f} [{now.low:.4f}, {now.high:.4f}], and was "
            f"{then.value:.4f} [{then.low:.4f}, {then.high:.4f}] in the test"
        )
    for each in limits:
        if not each.kept and each.value == each.value:  # NaN, of one class alone, says nothing
            yield f"{each.name} is {each.value:.4f}, and must be {each.limit}"
