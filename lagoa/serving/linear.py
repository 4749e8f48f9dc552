"""Linear models of scikit-learn as the few steps that they are, without the data frames that their pipelines need.

What a pipeline of one-hot encoders, imputers and scalers makes of each feature by itself is taken out of the fitted
steps. Whether the result is the same to the last bit is for `lagoa.serving.predictors` to prove; what is not known here
is left to the pipeline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.training.fitted import FeatureType, Typical

_REGRESSORS = (LinearRegression, QuantileRegressor, Ridge)
_Entry = tuple[int, float]
"""A column of the prepared matrix, and a value in it."""


class Unknown(Exception):
    """A step that is not known here."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A column of the prepared matrix that comes from a number: `(x - mean) / scale`, with `fill` for null."""

    feature: int
    column: int
    fill: float
    mean: float
    scale: float

    def prepared(self, value: float) -> float:
        return ((self.fill if math.isnan(value) else value) - self.mean) / self.scale


@dataclass(frozen=True, slots=True)
class _Text:
    """Columns that come from a text: what there is in them for each category, and at the end for null."""

    feature: int
    column: int
    entries: tuple[tuple[_Entry, ...], ...]


@dataclass(frozen=True, slots=True)
class _Constant:
    """A column with one value in every row."""

    column: int
    value: float


_Slot = _Number | _Text | _Constant


class LinearPart:
    """A fitted pipeline that ends with a linear model.

    Args:
        part: the pipeline, or the model alone.
        types: of its features.
        typical: what they were in training; without it nothing is explained.

    Raises:
        Unknown: a step is not known here.
    """

    def __init__(self, part: Any, types: Sequence[FeatureType], typical: Mapping[str, Typical]) -> None:
        model, steps = _split(part)
        found, self._width, self._sparse = _prepared(steps, types)
        self._slots: list[_Slot] = sorted(found, key=lambda each: each.column)
        self._is_odds = isinstance(model, LogisticRegression)
        coefficients = np.asarray(model.coef_)
        if self._is_odds and (coefficients.shape[0] != 1 or [float(each) for each in model.classes_] != [0.0, 1.0]):
            raise Unknown(model)
        # As the library multiplies: classifiers have a row of coefficients, regressors none.
        self._weights = coefficients.T if self._is_odds else coefficients
        if not self._is_odds and coefficients.ndim != 1:
            raise Unknown(model)
        self._intercept = model.intercept_
        flat = coefficients.ravel()
        if len(flat) != self._width:
            raise Unknown(model)
        names = [each.name for each in types]
        self._lifts = _lifts(self._slots, flat.tolist(), names, typical) if typical else None
        self._base = float(np.ravel(model.intercept_)[0])

    def predict(self, rows: Sequence[Sequence[float]]) -> np.ndarray:
        """Return the probability, or the number, of each row."""
        values = self._sparse_scores(rows) if self._sparse else self._dense_scores(rows)
        found: np.ndarray = expit(values) if self._is_odds else values
        found[~np.isfinite(values)] = math.nan  # scikit-learn refuses infinity, also where it would come to 0 or 1
        return found

    def contributions(self, rows: Sequence[Sequence[float]]) -> tuple[list[list[float]], list[float]] | None:
        """Return for each row what each feature adds to the base, and the base; None without what is typical."""
        if self._lifts is None:
            return None
        lifts, typical = self._lifts
        found = []
        for row in rows:
            sums = [0.0] * len(row)
            for feature, lift in lifts:
                value = row[feature]
                if isinstance(lift, tuple):
                    number, weight, mean = lift
                    sums[feature] += weight * (number.prepared(value) - mean)
                else:
                    sums[feature] += lift[-1 if math.isnan(value) else int(value)]
            found.append(sums)
        return found, [self._base + typical] * len(rows)

    def _sparse_scores(self, rows: Sequence[Sequence[float]]) -> np.ndarray:
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for row in rows:
            for column, value in self._entries(row):
                columns.append(column)
                values.append(value)
            ends.append(len(columns))
        matrix = csr_matrix(
            (np.array(values), np.array(columns, np.int32), np.array(ends, np.int32)), self._shape(rows)
        )
        return np.asarray(matrix @ self._weights + self._intercept).reshape(-1)

    def _dense_scores(self, rows: Sequence[Sequence[float]]) -> np.ndarray:
        matrix = np.zeros(self._shape(rows))
        for number, row in enumerate(rows):
            for column, value in self._entries(row):
                matrix[number, column] = value
        return np.asarray(matrix @ self._weights + self._intercept).reshape(-1)

    def _shape(self, rows: Sequence[Sequence[float]]) -> tuple[int, int]:
        return len(rows), self._width

    def _entries(self, row: Sequence[float]) -> list[_Entry]:
        found: list[_Entry] = []
        for slot in self._slots:
            if isinstance(slot, _Number):
                value = slot.prepared(row[slot.feature])
                if value:  # zeros are not in a sparse matrix
                    found.append((slot.column, value))
            elif isinstance(slot, _Text):
                code = row[slot.feature]
                found += slot.entries[-1 if math.isnan(code) else int(code)]
            else:
                found.append((slot.column, slot.value))
        return found


def _split(part: Any) -> tuple[Any, list[Any]]:
    """Return the model at the end, and the steps before it."""
    steps = [step for _, step in part.steps if step != "passthrough"] if isinstance(part, Pipeline) else [part]
    model = steps.pop()
    if type(model) is not LogisticRegression and type(model) not in _REGRESSORS:
        raise Unknown(model)
    return model, steps


def _prepared(steps: list[Any], types: Sequence[FeatureType]) -> tuple[list[_Slot], int, bool]:
    """Return where the columns of the matrix come from, how many there are, and whether it is sparse."""
    if not steps or not isinstance(steps[0], ColumnTransformer):
        return list(_numbers(steps, list(range(len(types))), 0, types)), len(types), False
    if len(steps) > 1:
        raise Unknown(steps[1])
    places = {each.name: position for position, each in enumerate(types)}
    found: list[_Slot] = []
    width = 0
    for name, step, columns in steps[0].transformers_:
        block = steps[0].output_indices_[name]
        width = max(width, block.stop)
        if isinstance(step, str) and step == "drop":
            continue
        features = _features(columns, places)
        if isinstance(step, OneHotEncoder):
            found += _texts(step, features, block, types)
        elif block.stop - block.start == len(features):
            found += _numbers(step.steps if isinstance(step, Pipeline) else [step], features, block.start, types)
        else:
            raise Unknown(step)
    return found, width, bool(steps[0].sparse_output_)


def _features(columns: Any, places: Mapping[str, int]) -> list[int]:
    """Return the positions of the features that a step of a column transformer takes."""
    if not isinstance(columns, list):
        raise Unknown(columns)
    try:
        return [places[each] if isinstance(each, str) else range(len(places))[each] for each in columns]
    except (KeyError, IndexError, TypeError) as error:
        raise Unknown(columns) from error


def _numbers(steps: Any, features: list[int], start: int, types: Sequence[FeatureType]) -> list[_Number]:
    count = len(features)
    fill, mean, scale = [math.nan] * count, [0.0] * count, [1.0] * count
    scaled = False
    for each in steps:
        step = each[1] if isinstance(each, tuple) else each
        if isinstance(step, str) and step == "passthrough":
            continue
        if type(step) is FunctionTransformer and step.func is None:
            continue
        if type(step) is SimpleImputer and not scaled and not step.add_indicator:
            fill = [float(value) for value in step.statistics_]
            if any(map(math.isnan, fill)):
                raise Unknown(step)  # a feature without values, which is left out
        elif type(step) is StandardScaler and not scaled:
            mean = mean if step.mean_ is None or not step.with_mean else step.mean_.tolist()
            scale = scale if step.scale_ is None else step.scale_.tolist()
            scaled = True
        else:
            raise Unknown(step)
    if len(fill) != count or len(mean) != count or any(types[feature].categories is not None for feature in features):
        raise Unknown(steps)
    return [
        _Number(feature, start + position, fill[position], mean[position], scale[position])
        for position, feature in enumerate(features)
    ]


def _texts(step: OneHotEncoder, features: list[int], block: slice, types: Sequence[FeatureType]) -> list[_Slot]:
    """Return what an encoder makes of each category of each feature, by letting it encode them one after the other."""
    categories = [types[feature].categories for feature in features]
    if not all(categories):
        raise Unknown(step)
    owned: set[int] = set()
    found: list[_Slot] = []
    for position, feature in enumerate(features):
        count = len(categories[position] or ())
        codes = np.zeros((count + 1, len(features)), dtype=np.int64)
        codes[:, position] = [*range(count), -1]
        matrix = _encoded(step, codes, features, types)
        varying = np.flatnonzero((matrix != matrix[0]).any(axis=0)).tolist()
        owned |= set(varying)
        entries = tuple(
            tuple((block.start + column, float(line[column])) for column in varying if line[column]) for line in matrix
        )
        if varying:
            found.append(_Text(feature, block.start + varying[0], entries))
    first = _encoded(step, np.zeros((1, len(features)), dtype=np.int64), features, types)[0]
    return found + [
        _Constant(block.start + column, float(first[column]))
        for column in range(len(first))
        if column not in owned and first[column]
    ]


def _encoded(step: OneHotEncoder, codes: np.ndarray, features: list[int], types: Sequence[FeatureType]) -> np.ndarray:
    frame = pd.DataFrame(
        {
            types[feature].name: pd.Categorical.from_codes(
                codes[:, position], categories=list(types[feature].categories or ())
            )
            for position, feature in enumerate(features)
        }
    )
    try:
        matrix = step.transform(frame)
    except ValueError as error:  # an encoder that takes no null
        raise Unknown(step) from error
    return np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix, dtype=np.float64)


def _lifts(
    slots: list[_Slot], weights: list[float], names: list[str], typical: Mapping[str, Typical]
) -> tuple[list[tuple[int, Any]], float]:
    """Return what each slot adds to the score of a typical row, and how far that row is from the intercept."""
    found: list[tuple[int, Any]] = []
    base = 0.0
    for slot in slots:
        if isinstance(slot, _Constant):
            base += weights[slot.column] * slot.value
            continue
        usual = typical[names[slot.feature]]
        if isinstance(slot, _Number):
            filled = slot.prepared(math.nan)
            mean = slot.prepared(usual.mean) * (1 - usual.nulls) + (filled * usual.nulls if usual.nulls else 0.0)
            weight = weights[slot.column]
            base += weight * mean
            found.append((slot.feature, (slot, weight, mean)))
        else:
            added = [sum(weights[column] * value for column, value in entries) for entries in slot.entries]
            mean = sum(share * each for share, each in zip((*usual.shares, usual.nulls), added, strict=True))
            base += mean
            found.append((slot.feature, [each - mean for each in added]))
    return found, base
