"""Promotion: what passes the gate, what does not, and what is kept of it."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import pytest
from trained import DEFINITION, FUNCTION, TrainedLake, begin, orders, publish

from lagoa.errors import PromotionLost, PromotionRefused, TrainingError, TrainingUnavailable

WORSE = FUNCTION.replace(
    "def late(features, label, *, strength):",
    "def late(features, label, *, strength):\n    label = 1 - label",
)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return the files of a lake with a champion."""
    return begin(TrainedLake(tmp_path_factory.mktemp("begun")), 200)


@pytest.fixture
def lake(begun, folder):
    """Return that lake."""
    folder.take(begun)
    with folder.open_folder() as opened:
        yield opened


def test_a_first_champion_is_better_than_its_baseline(folder):
    with folder.open_folder() as lake:
        publish(lake, orders(100))
        lake.train()
        with pytest.raises(PromotionRefused, match="a promotion has a reason"):
            lake.promote_model("late", " ")
        done = lake.promote_model("late", "the first")
        assert (done.number, done.version, done.kind, done.by, done.why) == (1, 1, "promote", "ana", "the first")
        assert done.gate[0].startswith("auc 0.")
        assert "baseline 0.5000" in done.gate[1]
        assert folder.tracking.aliases["late", "champion"] == 1
        assert lake.trained_run("late@champion").version == 1
        with pytest.raises(PromotionRefused, match="the champion already"):
            lake.promote_model("late", "again")


def test_one_that_is_not_surely_better_than_the_baseline_is_refused(folder):
    folder.model_files(DEFINITION.replace("limits:\n  auc: {minimum: 0.6}\n", ""), WORSE)
    with folder.open_folder() as lake:
        publish(lake, orders(100))
        lake.train()
        with pytest.raises(PromotionRefused, match="not surely better than its baseline"):
            lake.promote_model("late", "the first")


def test_one_that_is_as_good_passes_and_is_kept_with_its_figures(folder, lake):
    publish(lake, orders(210))
    lake.train()
    found = lake.compare_models("late")
    assert found.rows > 100
    assert found.low <= found.better <= found.high
    assert abs(found.better) < 0.02
    done = lake.promote_model("late@candidate", "newer orders")
    assert (done.number, done.version) == (2, 2)
    assert found.text in done.gate
    (model,) = lake.trained_models()
    assert [each.version for each in model.promotions] == [2, 1]
    assert model.champion.version == 2
    assert model.candidate is None


def test_one_that_is_worse_on_the_same_rows_is_refused(folder, lake):
    folder.model_files(DEFINITION.replace("auc: {minimum: 0.6}", "auc: {minimum: 0}"), WORSE)
    lake.train()
    with pytest.raises(PromotionRefused, match=r"may be worse than the champion by more than 0.02") as refused:
        lake.promote_model("late@2", "try", uncompared=True)
    assert len(refused.value.reasons) == 1
    assert lake.trained_run("late@champion").version == 1
    assert lake.compare_models("late@2").high < 0


def test_a_limit_that_is_not_kept_stops_it(folder, lake):
    folder.model_files(DEFINITION.replace("minimum: 0.6", "minimum: 0.99") + "gap: 0.00001\n")
    lake.train()
    with pytest.raises(PromotionRefused, match=r"auc is 0.* must be at least 0.99; gap of state is"):
        lake.promote_model("late", "try")


def test_a_run_of_a_branch_cannot_be_promoted_even_when_the_branch_is_gone(lake):
    lake.create_branch("dev/ana")
    (run,) = lake.train(ref="dev/ana")
    lake.delete_ref("dev/ana")
    with pytest.raises(PromotionRefused, match="learned from dev/ana, which is not a published state"):
        lake.promote_model(run.id, "try")


def test_a_champion_that_cannot_be_compared_is_passed_only_on_demand(folder, lake):
    champion = lake.trained_run("late@champion")
    with lake.run("drop") as branch:
        rows = orders(210).rename_columns(["id", "placed_at", "known_at", "late", "far", "price", "state"])
        folder.contract(
            "gold.orders",
            "id:long* placed_at:timestamp! known_at:timestamp late:boolean far:double price:double state:string",
        )
        branch.drop("gold.orders")
        lake.context.refresh()
        branch.replace("gold.orders", rows)
        branch.publish()
    folder.model_files(
        DEFINITION.replace("distance", "far"),
        FUNCTION,
        "select id, placed_at, known_at, late, far, state from gold.orders",
    )
    lake.train()
    with pytest.raises(PromotionRefused, match=r"not compared with version 1.*--uncompared"):
        lake.promote_model("late", "the distance is called far now")
    done = lake.promote_model("late", "the distance is called far now", uncompared=True)
    assert any(line.startswith("not compared with version 1") for line in done.gate)
    assert lake.reproduce(champion.id).same_rows


def test_too_few_rows_in_common_say_nothing(lake):
    publish(lake, orders(12, a_day=40))
    with pytest.raises(TrainingError):
        lake.train()
    (run,) = lake.context.training.runs()
    late = replace(run, id="20260101T000000-abcdef", version=2, rows=replace(run.rows, cut=run.rows.until))
    lake.context.training.add(late)
    with pytest.raises(TrainingError, match=r"rows .* later than what either learned from"):
        lake.compare_models(late.id)


def test_of_two_promotions_at_once_one_wins(lake):
    publish(lake, orders(210))
    lake.train()
    lake.train()
    start, ends = threading.Barrier(2), []

    def promote(version):
        start.wait()
        try:
            ends.append(lake.promote_model(f"late@{version}", "at once").version)
        except PromotionLost as lost:
            ends.append(lost.number)

    threads = [threading.Thread(target=promote, args=(version,)) for version in (2, 3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    (model,) = lake.trained_models()
    assert [each.number for each in model.promotions] == list(range(len(model.promotions), 0, -1))
    assert model.promotions[0].version in {2, 3}


def test_the_one_that_was_compared_with_an_earlier_champion_loses(lake):
    promotions = lake.context.training.promotions("late")
    lake.context.training.promote(replace(promotions[0], number=2))
    with pytest.raises(PromotionLost, match="another champion since"):
        lake.context.training.promote(replace(promotions[0], number=2, why="another"))


def test_an_earlier_champion_comes_back(folder, lake):
    with pytest.raises(TrainingError, match="it had no other champion"):
        lake.rollback_model("late", "too many alarms")
    publish(lake, orders(210))
    lake.train()
    lake.promote_model("late", "newer")
    with pytest.raises(TrainingError, match="Earlier champions: 1"):
        lake.rollback_model("late", "too many alarms", 7)
    with pytest.raises(TrainingError, match="has a reason"):
        lake.rollback_model("late", "")
    done = lake.rollback_model("late", "too many alarms")
    assert (done.number, done.version, done.kind, done.why) == (3, 1, "rollback", "too many alarms")
    assert folder.tracking.aliases["late", "champion"] == 1
    assert lake.trained_run("late@champion").version == 1
    assert lake.trained_run("late@candidate").version == 2
    assert lake.rollback_model("late", "it was right", 2).version == 2


def test_a_newer_run_is_the_candidate_though_a_new_store_numbers_it_anew(folder, lake):
    publish(lake, orders(210))
    lake.train()
    lake.promote_model("late", "newer")
    folder.tracking.versions.clear()
    shutil.rmtree(folder.tracking.files(lake.trained_run("late@1")).parent.parent)
    (run,) = lake.train()
    assert (run.version, lake.trained_run("late@champion").version) == (1, 2)
    assert lake.trained_run("late@candidate") == run


def test_a_champion_that_mlflow_does_not_show_is_the_champion_and_can_be_shown_later(folder, lake):
    publish(lake, orders(210))
    lake.train()
    folder.tracking.fails_to_name = True
    with pytest.raises(TrainingUnavailable, match="late 2 is the champion, and MLflow does not show it yet"):
        lake.promote_model("late", "newer")
    assert lake.trained_run("late@champion").version == 2
    assert folder.tracking.aliases["late", "champion"] == 1
    folder.tracking.fails_to_name = False
    with pytest.raises(PromotionRefused, match="the champion already"):
        lake.promote_model("late@champion", "show it")
    assert folder.tracking.aliases["late", "champion"] == 2
