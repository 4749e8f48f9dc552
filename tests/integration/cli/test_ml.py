"""`lagoa ml`: from a model's files to a champion, and back."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pytest
from command_line import lagoa, ok
from trained import DEFINITION, SELECT, TrainedLake, orders, publish

from lagoa import open_lake


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a lake whose model was trained twice, on two states of main, and the first version promoted."""
    folder = TrainedLake(tmp_path_factory.mktemp("ml"))
    with open_lake(folder.root) as lake:
        publish(lake, orders(100))
    assert "late" in ok(folder.root, "ml", "list").out
    assert "Next: `lagoa ml train`." in ok(folder.root, "ml", "list").err
    done = ok(folder.root, "ml", "train")
    assert done.out.startswith("late 1 learned from 496 rows of main (")
    assert "auc" in done.out
    assert 'Next: `lagoa ml promote late --why "…"`.' in done.err
    promoted = ok(folder.root, "ml", "promote", "late", "--why", "the first")
    assert promoted.out.splitlines()[-1] == "late@champion is version 1 now."
    with open_lake(folder.root) as lake:
        publish(lake, orders(110))
    (run,) = ok(folder.root, "ml", "train", "late", "--json").json()
    assert (run["model"], run["version"], run["rows"]["rows"]) == ("late", 2, 800)
    return folder


def test_models_are_listed_with_champion_and_candidate(place):
    (found,) = ok(place.root, "ml", "list", "--json").json()
    assert (found["model"], found["champion"], found["candidate"]) == ("late", 1, 2)
    assert [each["version"] for each in found["runs"]] == [2, 1]
    assert found["promotions"][0]["why"] == "the first"
    assert ok(place.root, "ml", "list").out.splitlines()[1].split()[:5] == ["late", "2", "1", "2", "2"]


def test_a_run_is_shown(place):
    shown = ok(place.root, "ml", "show", "late@champion").out
    with open_lake(place.root) as lake:
        receipt = lake.publications()[-1].receipt
    for words in (
        "late 1",
        receipt,
        "kept by the tag ml/late/",
        "gold.orders",
        "auc",
        "at least 0.6",
        "state BA",
        "the first",
    ):
        assert words in shown
    document = ok(place.root, "ml", "show", "late@champion", "--json").json()
    assert document["rows"]["tables"].keys() == {"gold.orders"}
    assert document["files"] == ["late.py", "late.sql", "late.yaml"]
    assert "Trained are: late" in lagoa(place.root, "ml", "show", "early").err


def test_versions_are_compared_on_the_same_rows(place):
    found = ok(place.root, "ml", "compare", "late", "--json").json()
    assert (found["version"], found["other_version"], found["metric"]) == (2, 1, "auc")
    assert found["low"] <= found["better_by"] <= found["high"]
    assert "late 2: auc 0." in ok(place.root, "ml", "compare", "late@2", "late@1").out


def test_a_champion_is_promoted_and_taken_back(place):
    assert ok(place.root, "ml", "promote", "late", "--why", "more orders", "--json").json()["version"] == 2
    assert "the champion already" in lagoa(place.root, "ml", "promote", "late", "--why", "more orders").err
    done = ok(place.root, "ml", "rollback", "late", "--why", "too many alarms")
    assert done.out == "late@champion is version 1 again.\n"
    found = ok(place.root, "ml", "rollback", "late", "--why", "it was right", "--to", "2", "--json").json()
    assert (found["kind"], found["version"], found["number"]) == ("rollback", 2, 4)
    assert lagoa(place.root, "ml", "rollback", "late").code == 2


def test_a_run_is_reproduced_and_what_differs_ends_with_1(place):
    done = ok(place.root, "ml", "reproduce", "late@champion")
    assert "byte for byte" in done.out
    assert "Predictions: the same, bit for bit." in done.out
    assert ok(place.root, "ml", "reproduce", "late", "--json").json()["same_rows"] is True
    with open_lake(place.root) as lake:
        run = lake.trained_run("late")
        document = json.loads(run.to_json())
        document |= {"id": "20200101T000000-abcdef", "version": 9, "packages": {}}
        document["rows"]["digest"] = "0" * 64
        lake.context.training.add(type(run).from_json(json.dumps(document)))
    other = lagoa(place.root, "ml", "reproduce", "20200101T000000")
    assert other.code == 1
    assert "others than the" in other.out
    assert "Different: packages: numpy none then" in other.err


def test_parameters_are_searched(place):
    assert "names nothing to search" in lagoa(place.root, "ml", "train", "late", "--search", "2").err
    assert lagoa(place.root, "ml", "train", "late", "--search", "501").code == 2
    place.model_files(DEFINITION + "search: {strength: [0.001, 0.1]}\n")
    done = ok(place.root, "ml", "train", "late", "--search", "3")
    assert "Of 3 combinations of parameters the best was strength=" in done.out
    place.model_files()


def test_leaks_are_looked_for(place):
    assert "No column knows what came later." in ok(place.root, "ml", "check", "late", "--against", "main").err
    place.model_files(DEFINITION, select=SELECT.replace("distance", "count(*) over () + distance as distance"))
    found = lagoa(place.root, "ml", "check", "late", "--against", "main~1", "--json")
    assert found.code == 1
    assert "distance" in [each["column"] for each in found.json()["leaks"]]
    shown = lagoa(place.root, "ml", "check", "late", "--against", "main~1")
    assert "distance" in shown.out
    assert "These columns know what came later" in shown.err
    place.model_files()


def test_a_champion_is_watched_and_a_candidate_proposed(tmp_path):
    folder = TrainedLake(tmp_path)
    with open_lake(folder.root) as lake:
        publish(lake, orders(100))
        lake.train()
        lake.promote_model("late", "the first")
    quiet = ok(folder.root, "ml", "watch", "late@champion")
    assert quiet.out.splitlines()[-1] == "Nothing speaks for training again."
    with open_lake(folder.root) as lake:
        rows = orders(200)
        publish(lake, rows.set_column(4, "distance", pc.negate(rows["distance"])))
    found = lagoa(folder.root, "ml", "watch", "late@champion", "--days", "60")
    assert found.code == 1
    assert "found: auc is 0." in found.out
    assert "Next: `lagoa ml watch late@champion --propose`" in found.err
    proposed = lagoa(folder.root, "ml", "watch", "late@champion", "--propose")
    assert proposed.code == 1
    assert "Proposed: late 2, on the branch retrain/late/" in proposed.out
    assert '`lagoa ml promote late@2 --why "…"`' in proposed.err
    again = lagoa(folder.root, "ml", "watch", "late@champion", "--propose", "--json").json()
    assert (again["version"], again["outcomes"], again["proposal"]["version"]) == (1, 720, 2)
    assert again["proposal"]["new"] is False
    assert "late 2 is proposed already" in lagoa(folder.root, "ml", "watch", "late@champion", "--propose").out
