"""Gradient-boosted trees, one ensemble a quantile: roads are skewed, and differ by route and by season."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm

if TYPE_CHECKING:
    import pandas as pd


def days_to_delivery(
    features: pd.DataFrame, label: pd.Series, *, quantile: float, trees: int, leaves: int, rate: float
) -> lightgbm.Booster:
    """Return a fitted model of one quantile.

    Args:
        features: what was known when each order was approved.
        label: days until it was delivered.
        quantile: which one.
        trees: how many.
        leaves: of each, at most.
        rate: how much each adds.
    """
    said = {
        "objective": "quantile", "alpha": quantile, "num_leaves": leaves, "learning_rate": rate,
        "min_data_in_leaf": 100, "num_threads": 1, "deterministic": True, "verbose": -1, "seed": 1,
    }  # fmt: skip
    return lightgbm.train(said, lightgbm.Dataset(features, label), num_boost_round=trees)
