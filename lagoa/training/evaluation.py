"""Learning from the rows that were known at a cut, and testing with those that came after it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import counted
from lagoa.domain.optional import extra
from lagoa.domain.training import HIGHER_IS_BETTER, LimitResult, Metric, Segment
from lagoa.errors import LagoaError, TrainingError
from lagoa.training.fitted import (
    NEEDS,
    Fitted,
    constant_features,
    doubles,
    feature_types,
    frame_of,
    middle_of,
    parameters_of,
    rounded_features,
    typical_of,
)
from lagoa.training.metrics import Quantiles, draws, figures_with_intervals, scored, spread_of, stability
from lagoa.training.training_set import KNOWN, MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import pyarrow as pa

    from lagoa.domain.training import Spread
    from lagoa.training.definition import Definition, Model
    from lagoa.training.metrics import Scored
    from lagoa.training.training_set import TrainingSet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHUFFLED = 4000
"""Rows that importances are measured with."""
_SEGMENT = 100
"""Rows that a segment must have for its gap to count for a limit."""
_SEED = 20_26


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of a set for learning and for testing.

    Attributes:
        cut: the moment between them, in microseconds since 1970 (UTC).
        train: rows of before the cut whose label was known before it.
        test: rows from the cut on.
    """

    cut: int
    train: pa.Table
    test: pa.Table


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the test of a model found; see `TrainingRun`."""

    metrics: dict[str, Metric]
    segments: tuple[Segment, ...]
    limits: tuple[LimitResult, ...]
    importances: dict[str, float]
    drift: dict[str, float]
    spreads: dict[str, Spread]
    notes: tuple[str, ...]
    predictions: np.ndarray
    label: np.ndarray

    @property
    def scores(self) -> tuple[float, ...]:
        """The predictions at each hundredth from the least to the greatest; of the median, where there are several."""
        import numpy as np

        return tuple(np.quantile(middle_of(self.predictions), np.linspace(0, 1, 101)).tolist())

    @property
    def digest(self) -> str:
        """SHA-256 of the predictions."""
        return predictions_digest(self.predictions)


def predictions_digest(predictions: np.ndarray) -> str:
    """Return the SHA-256 of predictions, bit for bit."""
    return hashlib.sha256(predictions.astype("<f8").tobytes()).hexdigest()


def moment_at(microseconds: int) -> datetime:
    """Return the moment of so many microseconds since 1970 (UTC)."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def split(model: Model, rows: TrainingSet, cut: int | None = None) -> Split:
    """Divide rows with known labels in time.

    Args:
        model: the model.
        rows: its rows with a label.
        cut: the moment; by default that after which the share of the rows begins that the definition keeps for testing.

    Raises:
        TrainingError: there is nothing to learn from, or to test with.
    """
    import numpy as np
    import pyarrow.compute as pc

    found = model.definition
    what = f"The model {model.name}"
    if not rows.table.num_rows:
        advice = "Look at the SELECT, the ref, and `label`: a row counts once its label is known."
        raise TrainingError(what, "no row has a known label", advice)
    if cut is None:
        moments = np.sort(rows.moments())
        cut = int(moments[min(int(len(moments) * (1 - found.test)), len(moments) - 1)])
    before = pc.and_(pc.less(rows.table[MOMENT], cut), pc.less(rows.table[KNOWN], cut))
    parts = Split(cut, rows.table.filter(before), rows.table.filter(pc.greater_equal(rows.table[MOMENT], cut)))
    said = f"{moment_at(cut):%Y-%m-%d %H:%M}"
    for part, why in (
        (parts.train, f"no row and its label were known before {said}"),
        (parts.test, f"no row is of {said} or later"),
    ):
        if not part.num_rows:
            raise TrainingError(what, why, "Give it more data, or another share for testing (`test`).")
    if found.kind == "probability":
        for part, name in ((parts.train, "learned from"), (parts.test, "tested with")):
            classes = sorted(set(label_of(part, found).tolist()))
            if not set(classes) <= {0.0, 1.0}:
                raise TrainingError(
                    what, f"the label {found.label} has the value {classes[-1]:g}", "It must be 0 or 1."
                )
            if len(classes) == 1:
                reason = f"all {part.num_rows:,} rows that would be {name} have the label {classes[0]:g}"
                raise TrainingError(what, reason, "It takes both: give it more data, or another label.")
    return parts


def label_of(rows: pa.Table, definition: Definition) -> np.ndarray:
    """Return the label of rows that have one, as doubles; true is 1.

    Raises:
        TrainingError: it is no number, NaN or infinite.
    """
    import numpy as np
    import pyarrow as pa

    column = rows[definition.label]
    kind = column.type
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not numbers and not pa.types.is_boolean(kind):
        advice = "Make a number, or true and false, of it."
        raise TrainingError(f"The label {definition.label}", f"it is {kind}", advice)
    found = doubles(column)
    wrong = int((~np.isfinite(found)).sum())
    if wrong:
        reason = f"it is NaN or infinite in {counted(wrong, 'row')}"
        raise TrainingError(f"The label {definition.label}", reason, "Write null where it is not known.")
    return found


def fit(model: Model, rows: TrainingSet, parts: Split, parameters: Mapping[str, Any]) -> Fitted:
    """Call the function of a model with the rows for learning.

    Raises:
        TrainingError: the function fails, or no feature tells rows apart.
    """
    import pandas as pd

    with extra("ml", NEEDS):
        from lagoa.training.safe_files import format_of

    types = feature_types(parts.train, rows.features)
    frame = frame_of(parts.train, types)
    if len(constant_features(frame)) == len(types):
        raise TrainingError(
            f"The model {model.name}", "no feature has more than one value", "Look at the SELECT and the window."
        )
    label = pd.Series(label_of(parts.train, model.definition), name=model.definition.label)
    function = _function(model)
    found = []
    for quantile in model.definition.parts:
        try:
            part = function(frame.copy(), label.copy(), **parameters_of(parameters, quantile))
        except LagoaError:
            raise
        except (Exception, SystemExit) as error:
            raise _failed(model, error) from error
        format_of(part, model.name)
        found.append((quantile, part))
    return Fitted(model.definition.kind, types, tuple(found), typical_of(frame))


def evaluate(model: Model, fitted: Fitted, parts: Split) -> Evaluation:
    """Test a fitted model.

    Raises:
        TrainingError: it predicts nothing that can be compared, such as NaN.
    """
    definition = model.definition
    label = label_of(parts.test, definition)
    predicted = predict(model, fitted, parts.test)
    found = scored(definition.kind, label, predicted, definition.quantiles)
    weights = draws(parts.test[MOMENT].to_numpy())
    without = baseline(definition, parts.train, parts.test)
    metrics = {
        name: Metric(value, low, high, without.get(name))
        for name, (value, low, high) in figures_with_intervals(found, weights).items()
    }
    middle = middle_of(predicted)
    segments = by_segment(definition, parts.test, label, middle)
    before, after = frame_of(parts.train, fitted.types), frame_of(parts.test, fitted.types)
    spreads = {each.name: spread_of(before[each.name]) for each in fitted.types}
    drift = {name: stability(spread, after[name]) for name, spread in spreads.items()}
    return Evaluation(
        metrics=metrics,
        segments=segments,
        limits=limits_kept(definition, metrics, segments),
        importances=_importances(model, fitted, parts.test, label),
        drift=dict(sorted(drift.items(), key=lambda each: -each[1])),
        spreads=spreads,
        notes=tuple(_notes(constant_features(before), rounded_features(parts.train, fitted.types), parts)),
        predictions=predicted,
        label=label,
    )


def predict(model: Model, fitted: Fitted, rows: pa.Table) -> np.ndarray:
    """Return predictions; raises `TrainingError` if the model fails, or predicts what its kind cannot be."""
    import numpy as np

    try:
        found = fitted.predict(rows)
    except Exception as error:
        raise _failed(model, error) from error
    said = ""
    if not np.isfinite(found).all():
        said = "it predicts NaN or infinity"
    elif model.definition.kind == "probability" and ((found < 0) | (found > 1)).any():
        said = f"it predicts {found.min():.4g} to {found.max():.4g}, and a probability is from 0 to 1"
    if said:
        raise TrainingError(f"The model {model.name}", said, "Look at its function.")
    return found


def _function(model: Model) -> Any:
    place = f"ml/{model.name}.py"
    module = ModuleType("lagoa_trained")
    module.__file__ = place
    sys.modules[module.__name__] = module  # dataclasses look there
    try:
        exec(compile(model.code, place, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - code of the lake
    except (Exception, SystemExit) as error:
        raise _failed(model, error) from error
    function = getattr(module, model.name, None)
    if not callable(function):
        advice = f"Write def {model.name}(features, label): …, which returns the model."
        raise TrainingError(place, f"it has no function {model.name}", advice)
    return function


def _failed(model: Model, error: BaseException) -> TrainingError:
    place, at, line = f"ml/{model.name}.py", error.__traceback__, None
    while at is not None:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == place else line
        at = at.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    where = f"{place}:{line}" if line else place
    text = " ".join(str(error).split())
    return TrainingError(where, f"{type(error).__name__}: {text}"[:1000].rstrip("."), "Fix the function.")


def baseline(definition: Definition, train: pa.Table, test: pa.Table) -> dict[str, float]:
    """Return the figures of a prediction without a model, for the metrics that have such a baseline."""
    import numpy as np

    known, label = label_of(train, definition), label_of(test, definition)
    ones = np.ones(len(label))
    column = None
    if definition.baseline:
        column = _baseline_column(test, definition)
    if definition.kind == "probability":
        guess = np.full(len(label), known.mean())
        if column is not None:
            guess = np.where(np.isnan(column), guess, column)
        return scored("probability", label, guess[:, None], []).figures(ones)
    constant = np.tile(np.quantile(known, definition.quantiles), (len(label), 1))
    found = Quantiles(label, constant, definition.quantiles).figures(ones)
    if column is not None:
        promised = np.where(np.isnan(column), np.quantile(known, definition.quantiles[-1]), column)
        one = Quantiles(label, promised[:, None], [definition.quantiles[-1]]).figures(ones)
        found |= {name: one[name] for name in ("mae", "kept", "longest")}
    return found


def _baseline_column(rows: pa.Table, definition: Definition) -> np.ndarray:
    """Return the column for a baseline as doubles, null as NaN."""
    name = definition.baseline
    (found,) = feature_types(rows, [name])
    if found.categories is not None:
        raise TrainingError(f"The baseline {name}", "it is a text", "Make a number of it in the SELECT.")
    column = doubles(rows[name])
    least, most = (0, 1) if definition.kind == "probability" else (-sys.float_info.max, sys.float_info.max)
    if ((column < least) | (column > most)).any():
        reason = "it is infinite" if definition.kind == "quantiles" else "it is not from 0 to 1 everywhere"
        raise TrainingError(f"The baseline {name}", reason, "Write null where there is none.")
    return column


def _notes(constant: list[str], rounded: list[str], parts: Split) -> Iterator[str]:
    """Yield what somebody should know of rows that were learned from and tested with."""
    import pyarrow.compute as pc

    if constant:
        yield f"{counted(len(constant), 'feature')} with one value alone: {', '.join(constant)}"
    if rounded:
        yield f"{counted(len(rounded), 'feature')} with whole numbers beyond 2^53, rounded: {', '.join(rounded)}"
    early = sum(pc.sum(pc.less(part[KNOWN], part[MOMENT])).as_py() for part in (parts.train, parts.test))
    if early:
        yield f"{counted(early, 'label')} known before the moment of the row"


def by_segment(definition: Definition, test: pa.Table, label: np.ndarray, predicted: np.ndarray) -> tuple[Segment, ...]:
    """Return the means of what came true and what was predicted, for each value of the columns for segments."""
    import numpy as np
    import pandas as pd

    found = []
    for column in definition.segments:
        codes, values = pd.factorize(test[column].to_pandas(), use_na_sentinel=True)
        for code in np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable"):
            rows = codes == code
            means = float(label[rows].mean()), float(predicted[rows].mean())
            found.append(Segment(column, str(values[code]), int(rows.sum()), *means))
    return tuple(found)


def limits_kept(
    definition: Definition, metrics: Mapping[str, Metric], segments: tuple[Segment, ...]
) -> tuple[LimitResult, ...]:
    """Return the limits of a definition, and whether figures keep them."""
    found = []
    for name, limit in definition.limits.items():
        value = metrics[name].value
        if limit.minimum is not None:
            found.append(LimitResult(name, f"at least {limit.minimum:g}", value, value >= limit.minimum))
        if limit.maximum is not None:
            found.append(LimitResult(name, f"at most {limit.maximum:g}", value, value <= limit.maximum))
    if definition.gap is not None:
        for column in definition.segments:
            large = [each for each in segments if each.column == column and each.rows >= _SEGMENT]
            value = max((abs(each.observed - each.predicted) for each in large), default=0.0)
            found.append(LimitResult(f"gap of {column}", f"at most {definition.gap:g}", value, value <= definition.gap))
    return tuple(found)


def _importances(model: Model, fitted: Fitted, test: pa.Table, label: np.ndarray) -> dict[str, float]:
    """Return by how much the metric gets worse when the values of a feature are shuffled among rows."""
    import numpy as np

    definition, random = model.definition, np.random.default_rng(_SEED)
    chosen = np.sort(random.permutation(len(label))[:_SHUFFLED])
    frame, truth = frame_of(test.take(chosen), fitted.types), label[chosen]
    ones = np.ones(len(truth))
    sign = 1 if definition.metric in HIGHER_IS_BETTER else -1

    def figure() -> float:
        found: Scored = scored(definition.kind, truth, fitted.predict_frame(frame), definition.quantiles)
        return sign * found.figures(ones)[definition.metric]

    whole = figure()
    found = {}
    for each in fitted.types:
        kept = frame[each.name]
        frame[each.name] = kept.take(random.permutation(len(kept))).set_axis(kept.index)
        found[each.name] = whole - figure()
        frame[each.name] = kept
    return dict(sorted(found.items(), key=lambda each: -each[1]))
