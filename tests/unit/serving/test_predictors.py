"""Predictors: the bits of the model itself, and contributions that add up to its score."""

from __future__ import annotations

import importlib.util
import math
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from lagoa.serving.predictors import nullable_features, predictor_of
from lagoa.training.fitted import FeatureType, Fitted, typical_of

ROOT = Path(__file__).parents[3]
NUMBERS = ("a", "b", "c")
TEXTS = {"state": ("BA", "RJ", "SP"), "category": tuple(f"c{number:02}" for number in range(12))}
TYPES = (*(FeatureType(name) for name in NUMBERS), *(FeatureType(name, known) for name, known in TEXTS.items()))
EXTREMES = (0.0, -0.0, 1e-300, 5e-324, 1e18, -1e18, 0.1, 1 / 3, math.nan)


def frame(count, seed=1, *, nulls=0.05):
    """Return rows of all features, some of them null."""
    random = np.random.default_rng(seed)
    columns = {}
    for name in NUMBERS:
        values = random.normal(size=count) * 10.0 ** random.integers(-3, 4)
        columns[name] = np.where(random.random(count) < nulls, math.nan, values)
    for name, known in TEXTS.items():
        shares = np.arange(1, len(known) + 1) / sum(range(1, len(known) + 1))
        codes = np.where(random.random(count) < nulls, -1, random.choice(len(known), size=count, p=shares))
        columns[name] = pd.Categorical.from_codes(codes, categories=list(known))
    return pd.DataFrame(columns)


def label(rows):
    """Return what a model can learn of rows."""
    score = rows["a"].rank(pct=True) + (rows["state"] == "SP") + np.random.default_rng(2).normal(size=len(rows))
    return (score > 1).astype(float)


def encoded(**options):
    """Return what prepares texts and numbers as the reference lake does."""
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_column_transformer((OneHotEncoder(**options), list(TEXTS)), (number, list(NUMBERS)))


def fitted_with(part, rows, kind="probability"):
    """Return a fitted model of one part."""
    return Fitted(kind, TYPES, ((None if kind == "probability" else 0.5, part),), typical_of(rows))


def reference(name, **parameters):
    """Return the function of a model of the reference lake, called with rows."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"ml/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = frame(800)
    return getattr(module, name)(rows, label(rows), **parameters), rows


def random_rows(count=200):
    """Return rows as predictors take them: of all kinds, with extremes."""
    random = np.random.default_rng(7)
    rows = []
    for _ in range(count):
        numbers = [
            float(random.choice(EXTREMES)) if random.random() < 0.3 else float(random.normal() * 100) for _ in NUMBERS
        ]
        codes = [float(random.integers(-1, len(known))) for known in TEXTS.values()]
        rows.append([*numbers, *(math.nan if code < 0 else code for code in codes)])
    return rows


def values_of(rows):
    """Return a frame's rows as predictors take them."""
    columns = [
        rows[each.name].cat.codes.replace(-1, math.nan) if each.categories else rows[each.name] for each in TYPES
    ]
    return np.column_stack(columns).astype(float).tolist()


def expected(fitted, rows):
    """Return what the model itself predicts."""
    columns = {
        each.name: [row[position] for row in rows]
        if each.categories is None
        else pd.Categorical.from_codes(
            [-1 if math.isnan(row[position]) else int(row[position]) for row in rows], categories=list(each.categories)
        )
        for position, each in enumerate(TYPES)
    }
    return fitted.predict_frame(pd.DataFrame(columns))


def quantiles(rows, _):
    """Return the quantiles of the reference lake."""
    parts = [(q, reference("days_to_delivery", quantile=q, trees=10, leaves=7, rate=0.1)[0]) for q in (0.1, 0.5, 0.9)]
    return Fitted("quantiles", TYPES, tuple(parts), typical_of(rows))


def binary(rows, truth):
    said = {"objective": "binary", "num_threads": 1, "verbose": -1}
    return fitted_with(lightgbm.train(said, lightgbm.Dataset(rows, truth), num_boost_round=5), rows)


def logistic(prepared, **options):
    """Return what fits a logistic regression behind a preparation."""
    return lambda rows, truth: fitted_with(
        make_pipeline(prepared, LogisticRegression(**options)).fit(rows, truth), rows
    )


def ridge(rows, _):
    part = make_pipeline(encoded(handle_unknown="ignore"), Ridge()).fit(rows, rows["a"].fillna(0))
    return fitted_with(part, rows, "quantiles")


ONE_HOT = OneHotEncoder(handle_unknown="ignore")
KNOWN = {
    "late_delivery": (lambda *_: fitted_with(*reference("late_delivery", strength=0.1)), "_Linear"),
    "days_to_delivery": (quantiles, "_Boosted"),
    "binary": (binary, "_Boosted"),
    "dense": (logistic(make_column_transformer((ONE_HOT, ["state"]), remainder="drop")), "_Linear"),
    "remainder": (
        logistic(make_column_transformer((ONE_HOT, list(TEXTS)), remainder=SimpleImputer()), solver="liblinear"),
        "_Linear",
    ),
    "dropped": (logistic(encoded(drop="first", handle_unknown="ignore"), fit_intercept=False), "_Linear"),
    "ridge": (ridge, "_Linear"),
}


@cache
def made(name):
    """Return a fitted model by what it is."""
    rows = frame(800)
    return KNOWN[name][0](rows, label(rows))


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("name", KNOWN)
def test_single_rows_and_many_have_the_bits_of_the_model(name):
    fitted = made(name)
    nullable = nullable_features(fitted)
    assert all(nullable)
    predictor = predictor_of(fitted, nullable)
    assert type(predictor).__name__ == KNOWN[name][1]
    rows = random_rows()
    assert predictor.predict(rows).tobytes() == expected(fitted, rows).tobytes()
    for row in rows[:20]:
        assert predictor.predict([row]).tobytes() == expected(fitted, [row]).tobytes()


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("name", KNOWN)
def test_contributions_add_up_to_the_score(name):
    fitted = made(name)
    predictor = predictor_of(fitted, nullable_features(fitted))
    rows = values_of(frame(800))[:200]
    contributions, bases = predictor.contributions(rows)
    predicted = predictor.predict(rows)[:, len(fitted.parts) // 2]
    with np.errstate(divide="ignore"):
        scores = np.log(predicted / (1 - predicted)) if fitted.kind == "probability" else predicted
    if name == "days_to_delivery":  # quantiles may cross: the middle one is told by its own model
        scores = fitted.parts[1][1].predict(np.array(rows))
    sums = np.array([base + sum(of_row) for base, of_row in zip(bases, contributions, strict=True)])
    inside = np.abs(scores) < 15  # beyond, the probability has lost the digits
    assert inside.sum() > 100
    np.testing.assert_allclose(sums[inside], scores[inside], rtol=1e-6, atol=1e-6)


def test_the_contributions_of_a_linear_model_are_nothing_for_a_typical_row():
    rows = frame(3000, nulls=0)
    part = make_pipeline(encoded(handle_unknown="ignore"), LogisticRegression()).fit(rows, label(rows))
    fitted = fitted_with(part, rows)
    predictor = predictor_of(fitted, [True] * len(TYPES))
    contributions, _ = predictor.contributions(values_of(rows))
    np.testing.assert_allclose(np.mean(contributions, axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    "part",
    [
        make_pipeline(
            encoded(handle_unknown="ignore", sparse_output=False), HistGradientBoostingClassifier(max_iter=3)
        ),
        make_pipeline(encoded(handle_unknown="ignore"), PolynomialFeatures(2), LogisticRegression(max_iter=20)),
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), list(TEXTS)),
                (SimpleImputer(add_indicator=True), list(NUMBERS)),
            ),
            LogisticRegression(),
        ),
    ],
    ids=["trees", "polynomial", "indicators"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_not_known_is_left_to_the_model_and_explains_nothing(part):
    rows = frame(1000)
    fitted = fitted_with(part.fit(rows, label(rows)), rows)
    predictor = predictor_of(fitted, nullable_features(fitted))
    assert type(predictor).__name__ == "_Whole"
    some = random_rows(20)
    assert predictor.predict(some).tobytes() == expected(fitted, some).tobytes()
    assert predictor.contributions(some) is None


def test_infinity_comes_to_nothing():
    predictor = predictor_of(made("ridge"), [True] * len(TYPES))
    classifier = predictor_of(made("late_delivery"), [True] * len(TYPES))
    rows = [[value, 0.0, 0.0, 0.0, 0.0] for value in (math.inf, 1.0, -math.inf)]
    for each in (predictor, classifier):
        assert np.isnan(each.predict(rows)[:, 0]).tolist() == [True, False, True]


def test_a_model_of_an_earlier_version_explains_nothing():
    fitted = made("dense")
    without = Fitted(fitted.kind, fitted.types, fitted.parts)
    predictor = predictor_of(without, nullable_features(without))
    assert type(predictor).__name__ == "_Linear"
    assert predictor.contributions(random_rows(2)) is None


def test_features_that_a_model_takes_no_null_of_are_found():
    rows = frame(500, nulls=0)
    prepared = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["state"]), (SimpleImputer(), ["a"]), ("passthrough", ["b"])
    )
    fitted = fitted_with(make_pipeline(prepared, LogisticRegression()).fit(rows, label(rows)), rows)
    assert nullable_features(fitted) == [True, False, True, True, True]
    predictor = predictor_of(fitted, nullable_features(fitted))
    assert type(predictor).__name__ == "_Linear"
