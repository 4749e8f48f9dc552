"""Figures of predictions: those of scikit-learn, with weights; and what intervals are drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

from lagoa.training.metrics import (
    Probabilities,
    Quantiles,
    draws,
    figures_with_intervals,
    interval,
    spread_of,
    stability,
)

RANDOM = np.random.default_rng(7)
LABEL = (RANDOM.random(500) < 0.2).astype(float)
SCORE = np.round(np.clip(0.2 + 0.2 * LABEL + 0.15 * RANDOM.normal(size=500), 0.01, 0.99), 2)  # with ties
WEIGHTS = RANDOM.integers(0, 4, 500).astype(float)
DAY = 86_400_000_000


@pytest.mark.parametrize("weights", [np.ones(500), WEIGHTS])
def test_the_figures_are_those_of_scikit_learn(weights):
    found = Probabilities(LABEL, SCORE).figures(weights)
    assert found["auc"] == pytest.approx(theirs.roc_auc_score(LABEL, SCORE, sample_weight=weights))
    wanted = theirs.average_precision_score(LABEL, SCORE, sample_weight=weights)
    assert found["average_precision"] == pytest.approx(wanted)
    assert found["log_loss"] == pytest.approx(theirs.log_loss(LABEL, SCORE, sample_weight=weights))
    assert found["brier"] == pytest.approx(theirs.brier_score_loss(LABEL, SCORE, sample_weight=weights))


def test_quantiles_are_measured_by_their_loss_and_their_ends():
    label = RANDOM.normal(size=400)
    predicted = np.tile(np.quantile(label, [0.1, 0.5, 0.9]), (400, 1))
    found = Quantiles(label, predicted, [0.1, 0.5, 0.9]).figures(np.ones(400))
    losses = [theirs.mean_pinball_loss(label, predicted[:, each], alpha=q) for each, q in enumerate([0.1, 0.5, 0.9])]
    assert found["pinball"] == pytest.approx(np.mean(losses))
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(label, predicted[:, 1]))
    assert (found["coverage"], found["kept"]) == pytest.approx((0.8, 0.9))
    assert found["longest"] == pytest.approx(np.quantile(label, 0.9))


def test_true_probabilities_have_no_calibration_error_and_others_have():
    chance = RANDOM.random(20_000)
    label = (RANDOM.random(20_000) < chance).astype(float)
    ones = np.ones(20_000)
    assert Probabilities(label, chance).figures(ones)["calibration_error"] < 0.02
    assert Probabilities(label, chance / 2).figures(ones)["calibration_error"] > 0.2


def test_days_are_drawn_as_wholes_and_always_alike():
    moments = np.repeat(np.arange(10), 5) * DAY + 3
    weights = draws(moments, 20)
    for each in weights:
        assert (each.reshape(10, 5) == each.reshape(10, 5)[:, :1]).all()
        assert each.sum() == 50
    assert all((a == b).all() for a, b in zip(weights, draws(moments, 20), strict=True))
    assert len({tuple(each) for each in weights}) > 15


def test_an_interval_is_wider_where_days_differ_than_where_rows_do():
    day = np.repeat(np.arange(50), 20)
    by_day = Probabilities(
        (day % 2).astype(float), np.full(1000, 0.5) + 0.3 * np.repeat(RANDOM.normal(size=50), 20) / 4
    )
    by_row = Probabilities((np.arange(1000) % 2).astype(float), np.full(1000, 0.5) + 0.3 * RANDOM.normal(size=1000) / 4)
    widths = []
    for found in (by_day, by_row):
        _, low, high = figures_with_intervals(found, draws(day * DAY))["auc"]
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]


def test_what_cannot_be_measured_is_no_number():
    one_class = Probabilities(np.zeros(5), np.linspace(0.1, 0.5, 5)).figures(np.ones(5))
    assert np.isnan(one_class["auc"])
    assert np.isnan(interval([float("nan")])).all()


def test_stability_is_nothing_for_the_same_and_much_for_a_shift():
    values = RANDOM.normal(size=5000)
    before = spread_of(pd.Series(values))
    assert sum(before.counts) == 5000
    assert len(before.counts) == len(before.edges) + 2 == 11
    assert stability(before, pd.Series(values)) == pytest.approx(0, abs=1e-9)
    assert stability(before, pd.Series(RANDOM.normal(size=5000))) < 0.05
    assert stability(before, pd.Series(values + 2)) > 1
    assert stability(before, pd.Series(np.where(np.arange(5000) < 2500, np.nan, values))) > 1
    assert np.isfinite(stability(spread_of(pd.Series(np.full(10, np.nan))), pd.Series(values)))


def test_texts_are_spread_over_the_most_frequent_ones():
    texts = [f"t{each}" for each in range(50)]
    values = pd.Series(pd.Categorical(["a"] * 500 + ["b"] * 200 + texts + [None] * 10, categories=["a", "b", *texts]))
    found = spread_of(values)
    assert found.texts[:3] == ("a", "b", "t0")
    assert found.counts[:2] == (500, 200)
    assert (len(found.texts), found.counts[-2:]) == (30, (22, 10))  # others, and none
    assert stability(found, values) == pytest.approx(0, abs=1e-9)
    other = pd.Series(pd.Categorical(["b"] * 500 + ["a"] * 200, categories=["b", "a"]))
    assert stability(found, other) > 0.25
