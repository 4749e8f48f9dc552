"""Quantile regression of logarithms: the weight of the logarithm of prices is their elasticity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import QuantileRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

if TYPE_CHECKING:
    import pandas as pd

PRICES = ["price_1"]


def monthly_demand(
    features: pd.DataFrame, label: pd.Series, *, quantile: float, strength: float
) -> TransformedTargetRegressor:
    """Return a fitted model of one quantile.

    Args:
        features: what was known when each month began.
        label: items ordered in it.
        quantile: which one.
        strength: of the penalty on weights.
    """
    counts = [name for name in features if name not in PRICES]
    nothing = SimpleImputer(strategy="constant", fill_value=0, keep_empty_features=True)
    usual = SimpleImputer(strategy="constant", fill_value=1, keep_empty_features=True)
    logarithms = make_column_transformer(
        (make_pipeline(nothing, FunctionTransformer(np.log1p)), counts),
        (make_pipeline(usual, FunctionTransformer(np.log)), PRICES),
    )
    regression = QuantileRegressor(quantile=quantile, alpha=strength)
    return TransformedTargetRegressor(make_pipeline(logarithms, regression), func=np.log1p, inverse_func=np.expm1).fit(
        features, label
    )
