"""Predicting single rows quickly, with the bits that `Fitted.predict` gives, and what each feature adds to a score.

A row is a list of doubles in the order of the features: numbers, and the position of a text among its categories; NaN
for null.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from lightgbm import Booster

from lagoa.serving.linear import LinearPart, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.training.fitted import FeatureType, Fitted

Rows = list[list[float]]
Contributions = tuple[list[list[float]], list[float]]
"""For each row what each feature adds, and what this is added to."""

_PROBES, _SINGLE = 64, 3
_EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e-9, 5e-324, 1e6, -1e6, 1e18, -1e18)
_SEED = 20_26


class Predictor(Protocol):
    """Predicts rows.

    Attributes:
        quick: whether a row takes less time than it takes to begin a thread for it.
    """

    quick: bool

    def predict(self, rows: Rows) -> np.ndarray:
        """Return predictions, a row a row: one probability, or the quantiles in their order."""

    def contributions(self, rows: Rows) -> Contributions | None:
        """Return what each feature adds to the score of the model, or of its middle quantile; None if that is unknown.

        The score of a classifier is the log-odds, of anything else what is predicted.
        """


def predictor_of(fitted: Fitted, nullable: Sequence[bool]) -> Predictor:
    """Return the quickest predictor of a model that gives the same bits as the model itself, for rows of all kinds.

    Args:
        fitted: the model.
        nullable: which features may be null.
    """
    whole = _Whole(fitted)
    for make in (_Boosted, _Linear):
        try:
            found: Predictor = make(fitted)
            with np.errstate(all="ignore"):
                if _is_same(found, whole, _probes(fitted, nullable)):
                    return found
        except Exception:  # noqa: BLE001, S112 - a model that is not as was thought, in whatever way
            continue
    return whole


def nullable_features(fitted: Fitted) -> list[bool]:
    """Return of each feature whether the model predicts rows in which it is null."""
    usual = [_usual(fitted, each) for each in fitted.types]
    if _predicts(fitted, [math.nan] * len(usual)):
        return [True] * len(usual)
    return [_predicts(fitted, [*usual[:position], math.nan, *usual[position + 1 :]]) for position in range(len(usual))]


def _predicts(fitted: Fitted, row: list[float]) -> bool:
    try:
        with np.errstate(all="ignore"):
            return bool(np.isfinite(_Whole(fitted).predict([row])).all())
    except Exception:  # noqa: BLE001 - in whatever words a library refuses null
        return False


class _Whole:
    """The model as it is, with the frames that it takes: right for all, and slow."""

    quick = False

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted

    def predict(self, rows: Rows) -> np.ndarray:
        matrix = np.array(rows, dtype=np.float64)
        columns = {
            each.name: matrix[:, position]
            if each.categories is None
            else pd.Categorical.from_codes(
                np.nan_to_num(matrix[:, position], nan=-1).astype(np.int64), categories=list(each.categories)
            )
            for position, each in enumerate(self._fitted.types)
        }
        return self._fitted.predict_frame(pd.DataFrame(columns))

    def contributions(self, rows: Rows) -> None:
        del rows


class _Boosted:
    """Models of LightGBM, which take the positions of categories themselves."""

    quick = True

    def __init__(self, fitted: Fitted) -> None:
        self._parts: list[Booster] = [part for _, part in fitted.parts]
        texts = [list(each.categories) for each in fitted.types if each.categories is not None]
        for part in self._parts:
            if not isinstance(part, Booster) or (part.pandas_categorical or []) != texts:
                raise Unknown(part)
        self._middle = self._parts[len(self._parts) // 2]

    def predict(self, rows: Rows) -> np.ndarray:
        matrix = np.array(rows, dtype=np.float64)
        return np.sort(np.column_stack([part.predict(matrix, num_threads=1) for part in self._parts]), axis=1)

    def contributions(self, rows: Rows) -> Contributions:
        found = np.asarray(self._middle.predict(np.array(rows, dtype=np.float64), pred_contrib=True, num_threads=1))
        return found[:, :-1].tolist(), found[:, -1].tolist()


class _Linear:
    """Linear models with what prepares their features."""

    quick = True

    def __init__(self, fitted: Fitted) -> None:
        self._parts = [LinearPart(part, fitted.types, fitted.typical) for _, part in fitted.parts]

    def predict(self, rows: Rows) -> np.ndarray:
        return np.sort(np.column_stack([part.predict(rows) for part in self._parts]), axis=1)

    def contributions(self, rows: Rows) -> Contributions | None:
        return self._parts[len(self._parts) // 2].contributions(rows)


def _is_same(found: Predictor, whole: Predictor, probes: Rows) -> bool:
    """Return whether two predictors give the same bits, for many rows at once and for single ones."""
    return all(
        found.predict(rows).tobytes() == whole.predict(rows).tobytes()
        for rows in (probes, *([each] for each in probes[:_SINGLE]))
    )


def _probes(fitted: Fitted, nullable: Sequence[bool]) -> Rows:
    """Return rows of common and of extreme values."""
    random = np.random.default_rng(_SEED)
    rows = []
    for _ in range(_PROBES):
        row = []
        for each, may_be_null in zip(fitted.types, nullable, strict=True):
            usual = _usual(fitted, each)
            if may_be_null and random.random() < 0.1:  # noqa: PLR2004
                row.append(math.nan)
            elif each.categories is not None:
                row.append(float(random.integers(len(each.categories))) if each.categories else math.nan)
            elif random.random() < 0.2:  # noqa: PLR2004
                row.append(float(random.choice(_EXTREMES)))
            else:
                row.append(usual * (1 + float(random.normal())) + float(random.normal()))
        rows.append(row)
    return rows


def _usual(fitted: Fitted, kind: FeatureType) -> float:
    """Return a value of a feature that a model can surely take."""
    typical = fitted.typical.get(kind.name)
    if kind.categories is not None:
        return 0.0 if kind.categories else math.nan
    return typical.mean if typical and not math.isnan(typical.mean) else 0.0
