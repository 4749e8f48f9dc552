"""Training again from the commit: after main moved, was restored or rolled back, and when the commit is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aged import later
from trained import DEFINITION, FUNCTION, SELECT, orders, publish

from lagoa.errors import TrainingError, TrainingSetGone


def test_a_run_is_the_same_again_whatever_happened_to_main(folder, lake):
    commit = publish(lake, orders(100))
    (run,) = lake.train()
    publish(lake, orders(120, seed=5))
    again = lake.reproduce("late@candidate")
    assert again.run == run
    assert (again.same_rows, again.same_predictions, again.largest, again.differences) == (True, True, 0, ())
    assert again.metrics == {name: each.value for name, each in run.metrics.items()}
    lake.rollback(f"main@{commit}")
    assert lake.reproduce(run.id).same_predictions
    publish(lake, orders(30, seed=6))
    with lake.run("restore") as branch:
        branch.restore(["gold.orders"], f"main@{commit}")
        branch.publish()
    assert lake.reproduce(run.id).same_predictions


def test_the_runs_own_code_is_trained_and_changed_files_are_said(folder, lake):
    publish(lake, orders(100))
    lake.train()
    folder.model_files(
        DEFINITION.replace("strength: 1.0", "strength: 0.001"), FUNCTION.replace("C=strength", "C=1"), SELECT + " "
    )
    again = lake.reproduce("late")
    assert again.same_predictions
    assert [what for kind, what in again.differences if kind == "code"] == [
        f"ml/late.{each} has changed since; the run's own was taken" for each in ("py", "sql", "yaml")
    ]
    folder.file("ml/late.yaml", "nonsense: 1\n")
    assert ("code", "ml/late.yaml cannot be used any more; the run's own files were taken") in lake.reproduce(
        "late"
    ).differences


def test_other_packages_machines_rows_and_results_are_said(lake):
    publish(lake, orders(100))
    (run,) = lake.train()
    other = replace(
        run,
        id="20260101T000000-abcdef",
        packages={**run.packages, "numpy": "1.0"},
        hardware={**run.hardware, "machine": "abacus"},
        rows=replace(run.rows, digest="0" * 64, rows=3),
        predictions="0" * 64,
        metrics={**run.metrics, "auc": replace(run.metrics["auc"], value=run.metrics["auc"].value - 0.25)},
    )
    lake.context.training.add(other)
    again = lake.reproduce(other.id)
    assert (again.same_rows, again.same_predictions) == (False, False)
    assert again.largest == pytest.approx(0.25)
    assert [kind for kind, _ in again.differences] == ["data", "packages", "hardware"]
    assert "720 rows, and 3 then" in again.differences[0][1]
    assert "numpy 1.0 then" in again.differences[1][1]
    assert "machine abacus then" in again.differences[2][1]
    with pytest.raises(TrainingError, match="not those that it learned from"):
        lake.training_rows(other.id)


def test_a_select_of_unstable_values_is_found_out(folder, lake):
    publish(lake, orders(100))
    (run,) = lake.train()
    text = SELECT.replace("distance", "distance + random() as distance")
    lake.context.training.add(
        replace(run, id="20260101T000000-abcdef", version=2, files={**run.files, "late.sql": text})
    )
    kind, what = lake.reproduce("late@2").differences[0]
    assert kind == "data"
    assert "gives others each time" in what


def test_a_published_commit_needs_no_tag_and_a_lost_one_says_what_is_left(lake):
    publish(lake, orders(100))
    (run,) = lake.train()
    lake.delete_ref(run.tag)
    assert lake.reproduce("late").same_rows
    branch = lake.create_branch("dev")
    branch.replace("gold.orders", orders(90, seed=3))
    (other,) = lake.train(ref="dev")
    lake.delete_ref("dev")
    assert lake.reproduce(other.id).same_rows
    lake.delete_ref(other.tag)
    with pytest.raises(TrainingSetGone, match="main has 0 of its 1 tables") as gone:
        lake.reproduce(other.id)
    assert (gone.value.run, gone.value.commit) == (other.id, other.commit)
    assert "lagoa ml show" in gone.value.left


def test_a_run_is_the_same_again_after_a_collection(folder, lake):
    with (folder.root / "lagoa.toml").open("a") as settings:
        settings.write("\n[retention]\nhistory_days = 1\n")
    lake = folder.open_folder()
    commit = publish(lake, orders(100))
    (run,) = lake.train()
    lake = later(lake, 3)
    publish(lake, orders(120, seed=5))
    lake = later(lake, 3)
    lake.expire(dry_run=False)
    lake.collect(dry_run=False)
    lake = later(lake, 3)
    lake.collect(dry_run=False)
    assert lake.reproduce(run.id).same_predictions
    assert lake.resolve(f"main@{commit}").id == commit
    lake.delete_ref(run.tag)
    lake.expire(dry_run=False)
    lake.collect(dry_run=False)
    lake = later(lake, 3)
    assert lake.collect(dry_run=False).garbage > 0
    with pytest.raises(TrainingSetGone):
        lake.reproduce(run.id)
    lake.close()
