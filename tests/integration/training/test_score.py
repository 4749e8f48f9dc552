"""Scores: of the rows whose label is not known yet, on a branch, each with version and commit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trained import BOOSTED, DEFINITION, QUANTILES, SCORES, SELECT, TrainedLake, begin

from lagoa.errors import RefProtected, TableNotFound, TrainingError, TrainingUnavailable
from lagoa.training import elsewhere


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the files of a lake with a champion, and the branch `score`."""
    folder = TrainedLake(tmp_path_factory.mktemp("begun"))
    folder.contract("gold.risk", SCORES)
    return begin(folder, 100, "score")


@pytest.fixture
def lake(begun, folder):
    """Return that lake."""
    folder.take(begun)
    with folder.open_folder() as opened:
        yield opened


def test_rows_without_a_label_are_scored(lake):
    branch = lake.branch("score")
    head = branch.head
    scores = branch.score("gold.risk", "late@champion")
    assert (str(scores.table), scores.rows, scores.commit, scores.run.version) == ("gold.risk", 80, head, 1)
    assert 0.3 < scores.rank < 0.7
    query = """
        select count(*), min(id), max(id), min(probability) > 0, max(probability) < 1, min(training_rank),
            max(training_rank), any_value(model), any_value(model_version), any_value(data_commit)
        from gold.risk
    """
    ((*counts, above, below, least, greatest, model, version, commit),) = lake.sql(query, "score").fetchall()
    assert counts == [80, 720, 799]
    assert above
    assert below
    assert 0 <= least < greatest <= 1
    assert (model, version, commit) == ("late", 1, head)
    order = "select corr(probability, distance) > 0.5 from gold.risk join gold.orders using (id)"
    assert lake.sql(order, "score").fetchall() == [(True,)]


def test_only_rows_of_the_last_days_are_scored_and_the_ones_before_are_replaced(lake):
    branch = lake.branch("score")
    branch.score("gold.risk", "late@champion")
    assert branch.score("gold.risk", "late@champion", days=3).rows == 25
    latest = branch.score("gold.risk", "late@champion", days=0)
    assert (latest.rows, lake.row_counts("score")[latest.table]) == (1, 1)
    branch.delete("gold.orders", "late is null")
    empty = branch.score("gold.risk", "late@champion")
    assert (empty.rows, empty.rank, lake.row_counts("score")[empty.table]) == (0, 0.0, 0)


def test_a_model_with_other_files_now_scores_by_its_own(folder, lake):
    folder.model_files(DEFINITION, "def late(features, label, *, strength):\n    return None\n", SELECT)
    assert lake.branch("score").score("gold.risk", "late@champion").rows == 80


def test_quantiles_have_a_column_each(folder, lake):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED)
    folder.contract("gold.prices", SCORES.replace("probability:double!", "q10:double! q50:double! q90:double!"))
    lake.context.refresh()
    (run,) = lake.train(["price"])
    lake.branch("score").score("gold.prices", run.id)
    query = "select count(*) from gold.prices where q10 <= q50 and q50 <= q90"
    assert lake.sql(query, "score").fetchall() == [(80,)]


def test_what_is_missing_is_said_and_nothing_is_written(folder, lake):
    branch = lake.branch("score")
    with pytest.raises(TrainingError, match="no candidate"):
        branch.score("gold.risk", "late@candidate")
    with pytest.raises(RefProtected):
        lake.branch("main").score("gold.risk", "late@champion")
    champion = lake.trained_run("late@champion")
    lake.context.training.add(replace(champion, id="20260101T000000-abcdef", scores=()))
    with pytest.raises(TrainingError, match="kept no scores of its test"):
        branch.score("gold.risk", "20260101T000000-abcdef")
    lake.context.training.add(replace(champion, id="20260102T000000-abcdef", place="/nowhere"))
    with pytest.raises((TrainingUnavailable, TrainingError), match="nowhere"):
        branch.score("gold.risk", "20260102T000000-abcdef")
    branch.drop("gold.orders")
    with pytest.raises(TableNotFound, match=r"gold\.orders"):
        branch.score("gold.risk", "late@champion")
    assert "gold.risk" not in map(str, lake.tables("score"))


def test_rows_are_predicted_in_parts_of_one_size(lake, monkeypatch):
    found = []
    for part in (1000, 7):
        monkeypatch.setattr(elsewhere, "PART", part)
        lake.branch("score").score("gold.risk", "late@champion")
        found.append(lake.sql("select id, probability from gold.risk order by id", "score").fetchall())
    whole, parts = (dict(each) for each in found)
    assert len(whole) == 80
    assert parts == pytest.approx(whole, rel=1e-12)
