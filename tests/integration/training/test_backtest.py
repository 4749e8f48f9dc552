"""Backtests and elasticities: what a model would have said of earlier spans, and how it answers to a feature."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
from trained import BOOSTED, DEFINITION, QUANTILES, T0, orders, publish

from lagoa.errors import TrainingError
from lagoa.training.definition import DefinitionError

POWERS = """
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def price(features, label, *, quantile):
    logarithms = make_pipeline(FunctionTransformer(np.log), LinearRegression())
    return TransformedTargetRegressor(logarithms, func=np.log, inverse_func=np.exp).fit(features, label)
"""


@pytest.fixture
def lake(folder):
    """Return the lake with a hundred days of orders, and the model `price`."""
    folder.file("ml/price.yaml", QUANTILES + "backtest: 4\n")
    folder.file("ml/price.py", BOOSTED)
    with folder.open_folder() as opened:
        publish(opened, orders(100))
        yield opened


def test_each_span_is_predicted_by_what_was_known_before_it(lake):
    (run,) = lake.train(["price"])
    spans = run.backtest
    assert len(spans) == 4
    days = [(each.cut.replace(tzinfo=None) - T0).days for each in spans]
    assert days == [45, 56, 67, 78]  # the latter half of the ninety days whose labels are known
    assert sum(each.rows for each in spans) == 90 * 8 // 2
    assert all(each.metrics["mae"] > 0 for each in spans)
    assert all(each.baseline["mae"] > 0 for each in spans)
    assert len({each.metrics["pinball"] for each in spans}) == 4
    assert lake.trained_run(run.id).backtest == spans
    assert lake.reproduce(run.id).same_predictions


def test_a_span_does_not_know_labels_that_came_later(folder, lake):
    rows = orders(100)
    jump = pc.greater_equal(rows["placed_at"], rows["placed_at"][45 * 8])
    price = pc.if_else(jump, pc.add(rows["price"], 1000), rows["price"])
    publish(lake, rows.set_column(5, "price", price))
    (run,) = lake.train(["price"])
    assert run.backtest[0].metrics["mae"] > 990  # learned before anything had jumped
    assert run.backtest[-1].metrics["mae"] < 950


def test_an_elasticity_is_the_power_with_which_a_feature_counts(folder, lake):
    folder.file(
        "ml/price.yaml", QUANTILES.replace("[distance, state]", "[cost]") + "elasticities: [cost]\nbacktest: 2\n"
    )
    folder.file("ml/price.py", POWERS)
    rows = orders(100)
    cost = pc.add(pc.abs(rows["distance"]), 1)
    publish(lake, rows.set_column(4, "distance", cost).set_column(5, "price", pc.power(cost, -1.5)))
    folder.file(
        "ml/late.sql",
        "select id, placed_at, known_at, case when known_at is not null then price end as price, distance as cost, "
        "state from gold.orders",
    )
    (run,) = lake.train(["price"])
    assert run.elasticities == {"cost": pytest.approx(-1.5)}
    assert [each.elasticities["cost"] for each in run.backtest] == pytest.approx([-1.5, -1.5])


def test_what_cannot_be_tested_so_is_refused(folder, lake):
    folder.file("ml/price.yaml", QUANTILES + "backtest: 99\n")
    publish(lake, orders(34))
    with pytest.raises(TrainingError, match="192 moments, too few for a backtest of 99 spans"):
        lake.train(["price"])
    assert not [each for each in lake.refs() if each.name.startswith("ml/")]
    folder.file("ml/price.yaml", QUANTILES + "elasticities: [state]\n")
    publish(lake, orders(100))
    with pytest.raises(TrainingError, match="cannot be 1 % more"):
        lake.train(["price"])
    folder.model_files(DEFINITION + "elasticities: [price]\n")
    with pytest.raises(DefinitionError, match="'price' is none of the columns"):
        lake.train(["late"])
