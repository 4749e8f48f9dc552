"""Scores of single rows: the same as in a batch, with what is missing said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from featured import SHOPS, TOWNS, apply
from served import ROW, WITH_FEATURES, champion, online, publish_served
from trained import BOOSTED, FUNCTION, QUANTILES, SCORES

from lagoa.domain.features import OnlineRow, entity_key
from lagoa.errors import RowRefused, TrainingError, TrainingUnavailable
from lagoa.training.fitted import load_fitted

GIVEN = {**ROW, "placed_at": datetime(2026, 1, 20, 10)}  # noqa: DTZ001 - the table has local times


@pytest.fixture(scope="module")
def scorer(shared_lake):
    return shared_lake.scorer("late@champion")


def one(scorer, **changes):
    """Return the score of one row."""
    return scorer.score([{**GIVEN, **changes}], reasons=100).rows[0]


def test_rows_are_scored_as_in_a_batch(shared, shared_lake, scorer):
    shared.contract("gold.risk", SCORES)
    shared_lake.context.refresh()
    columns = ", ".join(scorer.rows.columns)
    rows = shared_lake.sql(f"select {columns} from gold.orders where late is null order by id").arrow().to_pylist()
    with shared_lake.run("score") as branch:
        branch.score("gold.risk", "late@champion", days=100)
        query = "select id, probability, training_rank from gold.risk order by id"
        batch = shared_lake.sql(query, branch.name).fetchall()
    answer = scorer.score(rows)
    assert len(rows) == 80
    assert [(row.key["id"], row.predicted["probability"], row.training_rank) for row in answer.rows] == batch
    singles = [scorer.score([row]).rows[0].predicted["probability"] for row in rows]
    np.testing.assert_allclose(singles, [probability for _, probability, _ in batch], rtol=1e-14)
    assert all(not row.fallbacks or row.fallbacks[0].cause == "null" for row in answer.rows)


def test_an_answer_names_versions_commits_and_reasons(shared_lake, scorer):
    answer = scorer.score([GIVEN])
    run = shared_lake.trained_run("late@champion")
    assert (answer.model, answer.version, answer.model_commit) == ("late", 1, run.commit)
    assert answer.features_commit == shared_lake.feature_status().online
    (row,) = answer.rows
    assert row.key == {"id": 1}
    assert row.known == {"shops": "2025-12-01T00:00:00+00:00"}
    assert [abs(each.contribution) for each in row.reasons] == sorted(
        (abs(each.contribution) for each in row.reasons), reverse=True
    )
    values = {each.feature: each.value for each in row.reasons}
    assert values == {"distance": 0.5, "state": "SP", "shops:v": 10.0, "shops:word": "good"}
    logit = row.base + sum(each.contribution for each in row.reasons)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(row.predicted["probability"])
    assert len(scorer.score([GIVEN], reasons=2).rows[0].reasons) == 2
    none = scorer.score([GIVEN], reasons=0).rows[0]
    assert (none.reasons, none.base) == ((), None)


def test_decimals_and_moments_of_a_table_are_taken(scorer):
    assert one(scorer, distance=Decimal("0.5")) == one(scorer)
    assert one(scorer, distance="0.5") == one(scorer, distance="0.50") == one(scorer)
    for text in ("half", "0,5", "", " 1", "1e3", "nan", "9" * 20, "1" * 100):
        with pytest.raises(RowRefused, match="distance: "):
            one(scorer, distance=text)
    assert one(scorer, placed_at=datetime(2026, 1, 20, 10, tzinfo=UTC)) == one(scorer)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"shop": "nobody"}, {("shops:v", "no row", None), ("shops:word", "no row", None)}),
        ({"shop": None}, {("shops:v", "no row", None), ("shops:word", "no row", None)}),
        ({"state": "XX"}, {("state", "unknown category", None)}),
        ({"state": None}, set()),
        ({"distance": None}, set()),
        ({"shop": "d"}, set()),
    ],
)
def test_what_is_missing_or_unknown_is_null_and_said(scorer, changes, found):
    row = one(scorer, **changes)
    assert {(each.feature, each.cause, each.used) for each in row.fallbacks} == found
    assert 0 < row.predicted["probability"] < 1
    null = {each.feature for each in row.reasons if each.value is None}
    assert null >= {feature for feature, _, _ in found}


def test_what_is_missing_counts_as_in_training(shared_lake, scorer):
    """An unknown shop is scored as an order whose shop had no features then."""
    run = shared_lake.trained_run("late@champion")
    fitted = load_fitted(shared_lake.context.tracking.files(run), ["numpy.dtype"])
    import pyarrow as pa

    table = pa.table(
        {
            "distance": [0.5], "state": ["SP"], "shops__v": pa.array([None], pa.int64()),
            "shops__word": pa.array([None], pa.string()),
        }
    )  # fmt: skip
    assert one(scorer, shop="nobody").predicted["probability"] == fitted.predict(table)[0, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distance": float("nan")}, r"rows\[0\].distance: "),
        ({"distance": "far"}, r"rows\[0\].distance: "),
        ({"colour": "red"}, r"rows\[0\].colour: "),
        ({"placed_at": datetime(1500, 1, 1, tzinfo=UTC)}, r"rows\[0\].placed_at: It must be in the years"),
        ({"shop": 3}, r"rows\[0\].shop: "),
    ],
)
def test_rows_that_do_not_fit_are_refused(scorer, changes, said):
    with pytest.raises(RowRefused, match=said) as told:
        scorer.score([GIVEN | changes])
    assert (told.value.model, len(told.value.faults)) == ("late", 1)
    with pytest.raises(RowRefused, match="at least 1"):
        scorer.score([])


def test_rows_older_than_the_ttl_are_missing(untrained):
    online(untrained, ttl_days=45)
    version = champion(untrained)  # a model learned with the view as it is now
    scorer = untrained.scorer(f"late@{version}")
    moments = {datetime(2026, 1, 15, tzinfo=UTC): (), datetime(2026, 1, 15, 0, 0, 1, tzinfo=UTC): ("expired",) * 2}
    for moment, causes in moments.items():
        assert tuple(each.cause for each in one(scorer, placed_at=moment).fallbacks) == causes


def test_pushed_rows_are_read_and_states_are_followed(lake):
    scorer = lake.scorer("late@champion")
    store = lake.context.online
    moment = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1_000_000)
    store.push(store.definitions().views["shops"], [OnlineRow(entity_key(["a"]), moment, (77, "bad"))])
    row = one(scorer)
    assert {each.feature: each.value for each in row.reasons}["shops:v"] == 77
    assert row.known == {"shops": "2026-01-02T00:00:00+00:00"}
    first = scorer.score([GIVEN]).features_commit
    for values in (20, 30, 40):  # the part that was read is gone after two states
        publish_served(lake, values=values)
        lake.materialize_features()
    answer = scorer.score([GIVEN | {"shop": "b"}], reasons=9)
    assert {each.feature: each.value for each in answer.rows[0].reasons}["shops:v"] == 41
    assert answer.features_commit == lake.feature_status().online != first


def test_a_view_that_is_gone_or_another_by_now_is_missing(lake):
    scorer = lake.scorer("late@champion")
    more = replace(SHOPS, features=(replace(SHOPS.features[1], name="first"), *SHOPS.features))
    apply(lake, more)
    lake.materialize_features()
    scorer.online.refresh()
    assert one(scorer).fallbacks == ()  # other positions, the same features
    apply(lake, replace(SHOPS, features=(replace(SHOPS.features[0], column="other"), SHOPS.features[1])))
    assert one(scorer).fallbacks == ()  # applied, and not online yet
    apply(lake, replace(SHOPS, zone="America/Bahia"))
    lake.materialize_features()
    scorer.online.refresh()
    assert {each.cause for each in one(scorer).fallbacks} == {"changed"}
    assert scorer.online.missing() == {"shops": "changed"}
    apply(lake, replace(TOWNS, table="gold.shops"))
    lake.materialize_features()
    scorer.online.refresh()
    row = one(scorer)
    assert {each.cause for each in row.fallbacks} == {"not online"}
    assert row.known == {"shops": None}


def test_a_lake_without_online_features_answers_with_what_it_is_given(folder, lake):
    lake.close()
    (lake.settings.state_folder / "features.db").unlink()
    with folder.open_folder() as again:
        answer = again.scorer("late@champion").score([GIVEN])
        assert answer.features_commit is None
        assert {each.cause for each in answer.rows[0].fallbacks} == {"not online"}


FALLBACKS = "\nfallback: {'shops:v': 12.5, 'shops:word': good}\n"
NO_NULLS = FUNCTION.replace("remainder=SimpleImputer()", 'remainder="passthrough"')


def test_a_definition_says_what_stands_in(folder, untrained):
    folder.model_files(WITH_FEATURES + FALLBACKS, NO_NULLS)
    scorer = untrained.scorer(f"late@{champion(untrained)}")
    row = one(scorer, shop="nobody")
    assert {(each.feature, each.cause, each.used) for each in row.fallbacks} == {
        ("shops:v", "no row", 12.5), ("shops:word", "no row", "good"),
    }  # fmt: skip
    with pytest.raises(RowRefused, match="distance: Input should be a valid number"):
        one(scorer, distance=None)  # which this model takes no null of


@pytest.mark.parametrize(
    ("fallback", "said"),
    [
        ("", "the model takes no null in shops:v"),
        ("\nfallback: {'shops:v': good}\n", "'good' is not a number"),
        ("\nfallback: {'shops:v': 1, 'shops:word': lukewarm}\n", "'lukewarm' is not one of the texts"),
    ],
)
def test_a_model_that_cannot_do_without_a_feature_is_not_loaded(folder, untrained, fallback, said):
    folder.model_files(WITH_FEATURES + fallback, NO_NULLS)
    version = champion(untrained)
    with pytest.raises(TrainingError, match=said):
        untrained.scorer(f"late@{version}")


def test_a_fallback_of_no_feature_is_told_at_training(folder, untrained):
    folder.model_files(WITH_FEATURES + "\nfallback: {'shops:w': 1}\n")
    with pytest.raises(TrainingError, match=r"The fallback 'shops:w': it is none of the features\. Did you mean"):
        untrained.train()


def test_quantiles_are_told_with_the_reasons_of_the_middle_one(folder, untrained):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED)
    (run,) = untrained.train(["price"])
    scorer = untrained.scorer(run.id)
    given = {name: GIVEN[name] for name in scorer.rows.columns}
    answer = scorer.score([given, {**given, "distance": None, "state": "XX"}], reasons=9)
    assert answer.features_commit is None
    for row in answer.rows:
        assert list(row.predicted) == ["q10", "q50", "q90"]
        assert row.predicted["q10"] <= row.predicted["q50"] <= row.predicted["q90"]
        assert row.known == {}
    assert {each.feature for each in answer.rows[0].reasons} == {"distance", "state"}
    assert [each.cause for each in answer.rows[1].fallbacks] == ["unknown category"]


def test_files_that_are_gone_or_a_pickle_are_not_loaded(lake):
    folder = lake.context.tracking.files(lake.trained_run("late@champion"))
    about = json.loads((folder / "model.json").read_text("utf-8"))
    about["parts"][0]["format"] = "pickle"
    (folder / "model.json").write_text(json.dumps(about), "utf-8")
    with pytest.raises(TrainingError, match="a pickle never is"):
        lake.scorer("late@champion")
    (folder / "model.json").unlink()
    with pytest.raises((TrainingError, TrainingUnavailable), match=re.escape(str(folder))):
        lake.scorer("late@champion")
