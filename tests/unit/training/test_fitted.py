"""Fitted models: what they take, and the files that they are kept in."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from lagoa.errors import TrainingError
from lagoa.training.fitted import ABOUT, FeatureType, Fitted, Typical, feature_types, frame_of, load_fitted, typical_of

ROWS = pa.table(
    {
        "x": pa.array([1, None, 3, 4], pa.int32()),
        "flag": [True, False, None, True],
        "state": pa.array(["SP", "BA", None, "SP"]).dictionary_encode(),
    }
)
LABEL = pd.Series([1.0, 0.0, 0.0, 1.0])


def test_numbers_become_doubles_and_texts_categories():
    types = feature_types(ROWS, ["x", "flag", "state"])
    assert types == (FeatureType("x"), FeatureType("flag"), FeatureType("state", ("BA", "SP")))
    frame = frame_of(ROWS, types)
    assert [str(each) for each in frame.dtypes] == ["float64", "float64", "category"]
    assert frame["state"].cat.codes.tolist() == [1, 0, -1, 1]
    other = frame_of(pa.table({"x": [1.5], "flag": [False], "state": ["XX"]}), types)
    assert other["state"].isna().tolist() == [True]
    with pytest.raises(TrainingError, match="list"):
        feature_types(pa.table({"x": [[1]]}), ["x"])


def test_decimals_are_the_nearest_doubles():
    texts = [f"{number / 100:.2f}" for number in range(1, 20_000, 7)] + ["0.00", "-129.90", "99999999999999.99"]
    prices = pa.array([Decimal(text) for text in texts] + [None], pa.decimal128(18, 2))
    frame = frame_of(pa.table({"price": prices}), (FeatureType("price"),))
    assert frame["price"].tolist()[:-1] == [float(text) for text in texts]
    assert np.isnan(frame["price"].iloc[-1])


def test_what_is_typical_is_kept_with_a_model(tmp_path):
    types = feature_types(ROWS, ["x", "flag", "state"])
    typical = typical_of(frame_of(ROWS, types))
    assert typical["x"] == Typical(0.25, pytest.approx(8 / 3))
    assert typical["state"] == Typical(0.25, pytest.approx(float("nan"), nan_ok=True), (0.25, 0.5))
    Fitted("probability", types, ((None, boosted()),), typical).save(tmp_path, [])
    assert load_fitted(tmp_path, []).typical["state"].shares == (0.25, 0.5)
    about = json.loads((tmp_path / ABOUT).read_text("utf-8"))
    del about["typical"]  # as in a model of an earlier version
    (tmp_path / ABOUT).write_text(json.dumps(about), "utf-8")
    assert load_fitted(tmp_path, []).typical == {}


def boosted(quantile=None):
    """Return a small LightGBM model over the features of ROWS."""
    frame = frame_of(ROWS, feature_types(ROWS, ["x", "state"]))
    said = {"objective": "binary" if quantile is None else "quantile", "verbose": -1, "min_data_in_leaf": 1}
    said |= {"min_data_in_bin": 1, "num_threads": 1} | ({} if quantile is None else {"alpha": quantile})
    return lightgbm.train(said, lightgbm.Dataset(frame, LABEL), num_boost_round=4)


def test_boosters_are_kept_as_text_and_predict_the_same(tmp_path):
    fitted = Fitted("quantiles", feature_types(ROWS, ["x", "state"]), ((0.1, boosted(0.1)), (0.9, boosted(0.9))))
    fitted.save(tmp_path, [])
    assert sorted(each.name for each in tmp_path.iterdir()) == [ABOUT, "part-0.lgb", "part-1.lgb"]
    assert (tmp_path / "part-0.lgb").read_text("utf-8").startswith("tree")
    again = load_fitted(tmp_path, [])
    assert (again.predict(ROWS) == fitted.predict(ROWS)).all()
    assert again.types == fitted.types


def test_quantiles_that_cross_are_put_in_order():
    class Constant:
        def __init__(self, value):
            self.value = value

        def predict(self, frame):
            return np.full(len(frame), self.value)

    fitted = Fitted("quantiles", (FeatureType("x"),), ((0.1, Constant(5)), (0.9, Constant(3))))
    assert fitted.predict(ROWS)[0].tolist() == [3.0, 5.0]


def test_models_of_scikit_learn_are_kept_by_skops_if_their_types_are_trusted(tmp_path):
    types = feature_types(ROWS, ["flag"])
    frame = frame_of(ROWS, types).fillna(0)
    fitted = Fitted("probability", types, ((None, LogisticRegression().fit(frame, LABEL)),))
    fitted.save(tmp_path / "a", [])
    rows = pa.table({"flag": [True, False]})
    assert (load_fitted(tmp_path / "a", []).predict(rows) == fitted.predict(rows)).all()

    forest = Fitted("probability", types, ((None, HistGradientBoostingClassifier(max_iter=2).fit(frame, LABEL)),))
    with pytest.raises(TrainingError, match=r"types? that skops does not trust: .*write `trusted: ") as refused:
        forest.save(tmp_path / "b", [])
    named = refused.value.reason.partition("trust: ")[2].split(", ")
    forest.save(tmp_path / "c", named)
    assert (load_fitted(tmp_path / "c", named).predict(rows) == forest.predict(rows)).all()
    with pytest.raises(TrainingError, match="does not trust"):
        load_fitted(tmp_path / "c", [])


class _Trap:
    """Leaves a mark when a pickle of it is loaded."""

    def __init__(self, mark):
        self._mark = mark

    def __reduce__(self):
        return type(self._mark).touch, (self._mark,)


def test_a_pickle_is_never_loaded(tmp_path):
    mark = tmp_path / "loaded"
    for form in ("skops", "lightgbm", "pickle"):
        about = {"kind": "probability", "types": [], "parts": [{"quantile": None, "format": form, "file": "m.pkl"}]}
        (tmp_path / ABOUT).write_text(json.dumps(about), "utf-8")
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(_Trap(mark)))
        with pytest.raises(TrainingError, match="a pickle never is"):
            load_fitted(tmp_path, [])
        assert not mark.exists()


def test_what_is_no_model_is_refused(tmp_path):
    for wrong in ({}, None, lambda frame: frame, lightgbm.LGBMClassifier()):
        with pytest.raises(TrainingError, match="Return an estimator of scikit-learn or a Booster"):
            Fitted("probability", (), ((None, wrong),)).save(tmp_path, [])
    with pytest.raises(TrainingError, match="no saved model"):
        load_fitted(tmp_path / "nothing", [])
