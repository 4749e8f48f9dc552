"""From a model down to the batches that it learned from, and from a batch up to the models."""

from __future__ import annotations

import pytest
from trained import orders

from lagoa.errors import PromotionRefused, TrainingSetGone

COLUMNS = "id:long* placed_at:timestamp! known_at:timestamp late:boolean distance:double price:double state:string"


@pytest.fixture
def folder(folder):
    """Return the files of a lake whose orders are built from batches."""
    folder.contract("bronze.orders", COLUMNS)
    folder.contract("gold.orders", COLUMNS, materialization="full")
    folder.model("gold.orders", "SELECT id, placed_at, known_at, late, distance, price, state FROM bronze.orders\n")
    return folder


def load(lake, rows, batch):
    """Publish a batch of orders and what is built from it; return the commit."""
    with lake.run("load") as branch:
        branch.append("bronze.orders", rows, batch=batch)
        branch.transform()
        return branch.publish().commit


def test_a_model_goes_down_to_its_batches_and_a_batch_up_to_its_models(lake):
    rows = orders(120)
    first = load(lake, rows.slice(0, 800), "monday")
    lake.train()
    load(lake, rows.slice(800), "tuesday")
    lake.train()
    found = lake.model_lineage("late@1")
    assert found.run.commit == first
    gold, bronze = found.tables
    assert (gold.table, gold.read, gold.built_from, gold.batches) == ("gold.orders", True, ("bronze.orders",), ())
    assert (bronze.table, bronze.read, bronze.built_from) == ("bronze.orders", False, ())
    assert [(each.id, each.withdrawn) for each in bronze.batches] == [("monday", False)]
    assert gold.pointer == found.run.rows.tables["gold.orders"]
    assert [each.id for each in lake.model_lineage("late").tables[1].batches] == ["monday", "tuesday"]
    assert [each.run.version for each in lake.learned_from("monday")] == [2, 1]
    assert [each.run.version for each in lake.learned_from("tues")] == [2]
    assert lake.learned_from("wednesday") == []


def test_a_batch_that_was_rolled_back_is_marked_and_its_model_is_not_promoted(lake):
    rows = orders(120)
    load(lake, rows.slice(0, 800), "monday")
    load(lake, rows.slice(800), "wrong")
    (run,) = lake.train()
    lake.rollback("main~1", hold=True)
    found = lake.model_lineage(run.id)
    assert found.withdrawn == ("bronze.orders: wrong",)
    assert [each.run.id for each in lake.learned_from("wrong") if each.withdrawn] == [run.id]
    with pytest.raises(PromotionRefused, match="that it learned from was rolled back"):
        lake.promote_model("late", "try")
    assert lake.reproduce(run.id).same_rows
    lake.rollback(f"main@{run.commit}")
    assert lake.model_lineage(run.id).withdrawn == ()
    assert lake.promote_model("late", "the state came back").version == 1


def test_a_run_whose_commit_is_gone_has_no_lineage(lake):
    load(lake, orders(100), "monday")
    branch = lake.create_branch("dev")
    branch.append("bronze.orders", orders(101).slice(800), batch="extra")
    branch.transform()
    (run,) = lake.train(ref="dev")
    lake.delete_ref("dev")
    lake.delete_ref(run.tag)
    with pytest.raises(TrainingSetGone):
        lake.model_lineage(run.id)
    assert lake.learned_from("monday") == []
