"""Backtests: a model is fitted again for each of some spans of time, by what was known when the span began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from lagoa.domain.training import Window
from lagoa.errors import TrainingError
from lagoa.training.evaluation import baseline, fit, label_of, moment_at, predict, split
from lagoa.training.fitted import frame_of, middle_of
from lagoa.training.metrics import scored
from lagoa.training.training_set import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from lagoa.training.definition import Definition, Model
    from lagoa.training.fitted import Fitted
    from lagoa.training.training_set import TrainingSet

_STEP = 0.01


def backtest(model: Model, rows: TrainingSet, parameters: Mapping[str, Any]) -> tuple[Window, ...]:
    """Fit and test a model on each of the spans that the latter half of the moments is divided into.

    Args:
        model: the model; its definition says how many spans there are.
        rows: its rows with a label.
        parameters: of its function.

    Raises:
        TrainingError: there are fewer moments than spans, a span has nothing to learn from, or the function fails.
    """
    definition = model.definition
    if not definition.backtest:
        return ()
    moments = np.unique(rows.moments())
    later = moments[len(moments) // 2 :]
    if len(later) < definition.backtest:
        reason = f"its rows have {len(moments)} moments, too few for a backtest of {definition.backtest} spans"
        raise TrainingError(f"The model {model.name}", reason, "Give it more data, or a lower number (`backtest`).")
    return tuple(_windows(model, rows, parameters, np.array_split(later, definition.backtest)))


def elasticities(definition: Definition, fitted: Fitted, rows: pa.Table) -> dict[str, float]:
    """Return by how many percent predictions (the median, where there are several) rise with 1 % more of a feature.

    It is what the model says of the rows on average, and no proof that one causes the other.
    """
    frame = frame_of(rows, fitted.types)
    found = {}
    for name in definition.elasticities:
        if hasattr(frame[name], "cat"):
            advice = "Name numbers under `elasticities`."
            raise TrainingError(f"The feature {name!r}", "it is a text, and cannot be 1 % more", advice)
        more, less = (
            fitted.predict_frame(frame.assign(**{name: frame[name] * factor})) for factor in (1 + _STEP, 1 - _STEP)
        )
        above, below = middle_of(more), middle_of(less)
        positive = (above > 0) & (below > 0)
        rise = np.log(above[positive] / below[positive]) / np.log((1 + _STEP) / (1 - _STEP))
        found[name] = float(rise.mean()) if len(rise) else float("nan")
    return found


def _windows(
    model: Model, rows: TrainingSet, parameters: Mapping[str, Any], spans: list[np.ndarray]
) -> Iterator[Window]:
    definition = model.definition
    for span in spans:
        parts = split(model, rows, int(span[0]))
        test = parts.test.filter(pc.less_equal(parts.test[MOMENT], int(span[-1])))
        fitted = fit(model, rows, parts, parameters)
        label, predicted = label_of(test, definition), predict(model, fitted, test)
        figures = scored(definition.kind, label, predicted, definition.quantiles).figures(np.ones(len(label)))
        yield Window(
            cut=moment_at(parts.cut),
            rows=test.num_rows,
            metrics=figures,
            baseline=baseline(definition, parts.train, test),
            elasticities=elasticities(definition, fitted, test),
        )
