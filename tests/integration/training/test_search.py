"""A search over parameters: bounded, the same each time, and blind to the rows for testing."""

from __future__ import annotations

import pytest
from trained import DEFINITION, FUNCTION, orders, publish

from lagoa.errors import TrainingError

SEARCH = DEFINITION + "search: {strength: [0.0001, 0.01, 10.0], turned: [true, false]}\n"
TURNED = FUNCTION.replace(
    "def late(features, label, *, strength):",
    "def late(features, label, *, strength, turned):\n    label = 1 - label if turned else label",
)


@pytest.fixture
def lake(folder):
    """Return the lake; the usual parameters of its model learn the opposite of the label."""
    folder.model_files(SEARCH.replace("{strength: 1.0}", "{strength: 1.0, turned: true}"), TURNED)
    with folder.open_folder() as opened:
        publish(opened, orders(100))
        yield opened


def test_the_best_of_what_was_tried_is_trained_and_kept(lake):
    (usual,) = lake.train()
    assert (usual.trials, usual.parameters["turned"]) == ((), True)
    (run,) = lake.train(trials=7)
    assert len(run.trials) == 7
    assert run.parameters == run.trials[0].parameters
    assert run.parameters["turned"] is False
    assert {"strength": 1.0, "turned": True} in [each.parameters for each in run.trials]
    assert [each.value for each in run.trials] == sorted((each.value for each in run.trials), reverse=True)
    assert run.metrics["auc"].value > 0.7 > usual.metrics["auc"].value
    again = lake.reproduce(run.id)
    assert (again.same_rows, again.same_predictions) == (True, True)


def test_a_search_is_bounded_and_the_same_each_time(lake):
    (first,) = lake.train(trials=3)
    (second,) = lake.train(trials=3)
    assert len(first.trials) == 3
    assert first.trials == second.trials
    assert len(lake.train(trials=100)[0].trials) == 7
    assert len(lake.train(trials=1)[0].trials) == 1


def test_rows_for_testing_change_no_choice(lake):
    (run,) = lake.train(trials=7)
    rows = orders(100)
    late = rows["late"].to_pylist()
    start = (100 - 10) * 8 * 8 // 10  # the first row for testing
    other = [not value if value is not None and number >= start else value for number, value in enumerate(late)]
    publish(lake, rows.set_column(rows.column_names.index("late"), "late", [other]))
    (turned,) = lake.train(trials=7)
    assert turned.rows.digest != run.rows.digest
    assert turned.trials == run.trials


def test_what_names_nothing_to_search_is_said(folder, lake):
    folder.model_files()
    with pytest.raises(TrainingError, match="names nothing to search"):
        lake.train(trials=2)
