"""Figures of predictions, with intervals from resampled days.

Rows of one day have much in common, such as a strike, so that days are drawn and not rows. A figure takes the weight of
each row: how often its day was drawn. Two models on the same rows are compared with the same draws.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lagoa.domain.training import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lagoa.training.definition import Kind

DRAWS = 200
_SEED = 20_26
_DAY = 86_400_000_000
_BINS = 10
_TEXTS = 30
"""Values of a text that are groups of their own."""
_TINY = 1e-12


class Scored(ABC):
    """Predictions beside what came true, for figures with weights."""

    @abstractmethod
    def figures(self, weights: np.ndarray) -> dict[str, float]:
        """Return the figures; NaN where there is nothing to divide by."""


class Probabilities(Scored):
    """Probabilities of something that came true or not.

    Args:
        label: 1 or 0.
        predicted: a probability, or for the figures of order alone any score.
    """

    def __init__(self, label: np.ndarray, predicted: np.ndarray) -> None:
        self._label = label
        self._predicted = predicted
        order = np.argsort(-predicted, kind="stable")
        self._order, self._ordered = order, label[order]
        ordered = predicted[order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of rows with one score
        edges = np.quantile(predicted, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(predicted) else []
        self._bin = np.searchsorted(edges, predicted, side="right")
        clipped = np.clip(predicted, _TINY, 1 - _TINY)
        self._loss = -np.where(label > 0, np.log(clipped), np.log(1 - clipped))
        self._square = (predicted - label) ** 2

    def figures(self, weights: np.ndarray) -> dict[str, float]:
        """Return area under the ROC curve, average precision, log loss, Brier score and calibration error."""
        total, ordered = weights.sum(), weights[self._order]
        right = np.cumsum(ordered * self._ordered)[self._ends]
        wrong = np.cumsum(ordered)[self._ends] - right
        return {
            "auc": _auc(right, wrong),
            "average_precision": _average_precision(right, wrong),
            "log_loss": float(weights @ self._loss / total),
            "brier": float(weights @ self._square / total),
            "calibration_error": self._calibration(weights, total),
        }

    def _calibration(self, weights: np.ndarray, total: float) -> float:
        """Return the mean distance, over ten groups of equal size, between what was predicted and what came true."""
        gap = np.bincount(self._bin, weights * (self._predicted - self._label), _BINS)
        return float(np.abs(gap).sum() / total)

    def curve(self) -> list[tuple[float, float, int]]:
        """Return for each group of the calibration: mean prediction, share that came true, rows."""
        rows = np.bincount(self._bin, minlength=_BINS)
        filled = np.flatnonzero(rows)
        predicted = np.bincount(self._bin, self._predicted, _BINS)
        observed = np.bincount(self._bin, self._label, _BINS)
        return [(float(predicted[b] / rows[b]), float(observed[b] / rows[b]), int(rows[b])) for b in filled]

    def roc(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return by threshold the share of what came true that is found, that of the rest, and the precision."""
        right = np.cumsum(self._ordered)[self._ends]
        wrong = np.cumsum(1 - self._ordered)[self._ends]
        return right / max(right[-1], 1), wrong / max(wrong[-1], 1), right / (right + wrong)


class Quantiles(Scored):
    """Quantiles of a number.

    Args:
        label: the number.
        predicted: a column a quantile.
        quantiles: which these are, rising.
    """

    def __init__(self, label: np.ndarray, predicted: np.ndarray, quantiles: Sequence[float]) -> None:
        middle = int(np.argmin(np.abs(np.asarray(quantiles) - 0.5)))
        off = label[:, None] - predicted
        q = np.asarray(quantiles)[None, :]
        self._rows = {
            "pinball": np.maximum(q * off, (q - 1) * off).mean(axis=1),
            "mae": np.abs(off[:, middle]),
            "coverage": ((off[:, 0] >= 0) & (off[:, -1] <= 0)).astype(float),
            "kept": (off[:, -1] <= 0).astype(float),
            "longest": predicted[:, -1],
        }

    def figures(self, weights: np.ndarray) -> dict[str, float]:
        """Return the loss by which quantiles are learned; the error of the median; and of the quantiles at the ends.

        `coverage` is the share of rows between the least and the greatest quantile, `kept` that at or below the
        greatest, `longest` the mean of the greatest.
        """
        total = weights.sum()
        return {name: float(weights @ values / total) for name, values in self._rows.items()}


def scored(kind: Kind, label: np.ndarray, predicted: np.ndarray, quantiles: Sequence[float]) -> Scored:
    """Return predictions of a model of some kind, ready for figures."""
    return Quantiles(label, predicted, quantiles) if kind == "quantiles" else Probabilities(label, predicted[:, 0])


def draws(moments: np.ndarray, count: int = DRAWS) -> list[np.ndarray]:
    """Return the weights of each draw: how often the day of each row was drawn; always the same for the same days."""
    _, day = np.unique(moments // _DAY, return_inverse=True)
    days = int(day.max()) + 1 if len(day) else 0
    random = np.random.default_rng(_SEED)
    return [random.multinomial(days, np.full(days, 1 / days)).astype(float)[day] for _ in range(count)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the middle 95 % of some figures; figures that are none are left out."""
    real = np.asarray([each for each in values if np.isfinite(each)])
    if not len(real):
        return float("nan"), float("nan")
    low, high = np.quantile(real, [0.025, 0.975])
    return float(low), float(high)


def figures_with_intervals(found: Scored, weights: Sequence[np.ndarray]) -> Mapping[str, tuple[float, float, float]]:
    """Return each figure with the ends of its interval."""
    whole = found.figures(np.ones_like(weights[0]))
    drawn = [found.figures(each) for each in weights]
    return {name: (value, *interval([each[name] for each in drawn])) for name, value in whole.items()}


def spread_of(values: pd.Series) -> Spread:
    """Return how a feature is spread: numbers in ten groups of equal size, texts by the most frequent ones."""
    if hasattr(values, "cat"):
        counts = values.value_counts()
        frequent = sorted((-int(count), str(text)) for text, count in counts.items() if count)[:_TEXTS]
        spread = Spread((), tuple(text for _, text in frequent), ())
    else:
        numbers = values.to_numpy()
        known = numbers[np.isfinite(numbers)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.empty(0)
        spread = Spread(tuple(edges.tolist()), (), ())
    return replace(spread, counts=tuple(_counts(spread, values).tolist()))


def stability(before: Spread, values: pd.Series) -> float:
    """Return the population stability index of values: 0 if they are spread as before.

    Missing values are a group of their own. Above 0.25 is usually called a shift.
    """

    def shares(counts: np.ndarray) -> np.ndarray:
        found: np.ndarray = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
        return found

    a, b = shares(np.asarray(before.counts)), shares(_counts(before, values))
    return float(np.sum((b - a) * np.log(b / a)))


def chance(before: int, after: int) -> float:
    """Return the stability index that so many rows before and after have on average if nothing has shifted."""
    return (_BINS - 1) * (1 / before + 1 / after)


def _counts(spread: Spread, values: pd.Series) -> np.ndarray:
    """Return how many values are in each group."""
    if hasattr(values, "cat"):
        number = {text: at for at, text in enumerate(spread.texts)}
        of_category = np.array([number.get(str(each), len(number)) for each in values.cat.categories], dtype=np.int64)
        codes = values.cat.codes.to_numpy()
        groups = np.append(of_category, len(number) + 1)[codes]  # -1, for no value, is the last
        last = len(number) + 1
    else:
        numbers, last = values.to_numpy(), len(spread.edges) + 1
        groups = np.where(np.isnan(numbers), last, np.searchsorted(np.asarray(spread.edges), numbers, side="right"))
    found: np.ndarray = np.bincount(groups, minlength=last + 1)
    return found


def _auc(right: np.ndarray, wrong: np.ndarray) -> float:
    if not len(right) or right[-1] <= 0 or wrong[-1] <= 0:
        return float("nan")
    steps = np.diff(wrong, prepend=0)
    before = np.concatenate(([0.0], right[:-1]))
    return float(np.sum(steps * (right + before) / 2) / (right[-1] * wrong[-1]))


def _average_precision(right: np.ndarray, wrong: np.ndarray) -> float:
    if not len(right) or right[-1] <= 0:
        return float("nan")
    steps = np.diff(right, prepend=0)
    drawn = np.maximum(right + wrong, _TINY)
    return float(np.sum(steps * right / drawn) / right[-1])
