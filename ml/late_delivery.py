"""Logistic regression: it stays calibrated, holds with few rows, and every fit gives the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd


def late_delivery(features: pd.DataFrame, label: pd.Series, *, strength: float) -> Pipeline:
    """Return a fitted model.

    Args:
        features: what was known when each order was approved.
        label: 1 if it came late.
        strength: inverse of the penalty on weights; less holds better with few rows.
    """
    texts = list(features.select_dtypes("category"))
    numbers = [name for name in features if name not in texts]
    prepared = make_column_transformer(
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=50), texts),
        (make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()), numbers),
    )
    return make_pipeline(prepared, LogisticRegression(C=strength, max_iter=500)).fit(features, label)
