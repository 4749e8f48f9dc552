"""`lagoa lineage`: from a trained model down to its batches, and from a batch up to the models."""

from __future__ import annotations

import pytest
from command_line import lagoa, ok
from trained import TrainedLake, orders


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a lake with a model that learned from two batches, of which one was rolled back."""
    folder = TrainedLake(tmp_path_factory.mktemp("lineage"))
    rows = orders(120)
    with folder.open_folder() as lake:
        for batch, some in (("monday", rows.slice(0, 800)), ("wrong", rows.slice(800))):
            with lake.run("load") as branch:
                branch.append("gold.orders", some, batch=batch)
                branch.publish()
        lake.train()
        lake.rollback("main~1")
    return folder.root


def test_a_model_is_followed_down(place):
    found = ok(place, "lineage", "ml:late", "--json").json()
    assert (found["model"], found["version"]) == ("late", 1)
    assert [each["table"] for each in found["tables"]] == ["gold.orders"]
    assert [(each["id"], each["withdrawn"]) for each in found["tables"][0]["batches"]] == [
        ("monday", False),
        ("wrong", True),
    ]
    assert found["withdrawn"] == ["gold.orders: wrong"]
    shown = ok(place, "lineage", "ml:late@1")
    assert "wrong WITHDRAWN" in shown.out
    assert "main no longer has 1 batch: gold.orders: wrong." in shown.err


def test_a_batch_is_followed_up(place):
    (found,) = ok(place, "lineage", "batch:monday", "--json").json()
    assert found["model"] == "late"
    assert "late" in ok(place, "lineage", "batch:wrong").out
    assert "No run learned from such a batch" in ok(place, "lineage", "batch:sunday").err


def test_what_is_neither_is_refused(place):
    for wrong in ("late", "ml:", "table:gold.orders"):
        assert "Write ml:late_delivery" in lagoa(place, "lineage", wrong).err
    assert "Trained are: late" in lagoa(place, "lineage", "ml:early").err
