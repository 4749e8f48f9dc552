"""Who reads what changed: models by column, checks, features, trained models, exposures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from featured import SERVICES, SHOPS, TOWNS, contracts

from lagoa.domain.features import Definitions
from lagoa.domain.tables import TableName
from lagoa.lineage.downstream import downstream
from lagoa.lineage.readers import lake_readers

if TYPE_CHECKING:
    from lagoa.lake import Lake

ORDERS, PRICES, STATES = map(TableName.parse, ("bronze.orders", "silver.prices", "gold.states"))
EXPOSURE = """exposures:
  - {name: board, kind: dashboard, owner: sales, url: "https://bi.example/1", reads: [gold.states]}
  - {name: feed, kind: export, owner: sales, reads: [{table: silver.prices, columns: [label]}]}
"""
CHECK = """
checks:
  - failed_rows: {query: "select s.state from gold.states s join bronze.orders o using (state) where o.price < 0"}
"""


@pytest.fixture
def folder(folder):
    folder.contract("bronze.orders", "id:long* state:string price:double note:string")
    folder.contract("silver.prices", "id:long* price:double label:string", materialization="full")
    folder.contract("gold.states", "state:string!* total:double", materialization="full")
    folder.contract(
        "bronze.items",
        {
            "id": "long*",
            "order": {"physicalType": "long", "relationships": [{"type": "foreignKey", "to": "bronze.orders.id"}]},
        },
    )
    folder.model("silver.prices", "select id, price, note as label from bronze.orders")
    folder.model("gold.states", "select state, sum(price) as total from bronze.orders group by state")
    folder.checks("gold.states", CHECK)
    folder.file("exposures/sales.yaml", EXPOSURE)
    contracts(folder)
    return folder


def told(lake: Lake, changed: dict[str, set[str] | None], written: set[str] | None = None):
    """Return what is affected as (kind, name, columns of each table)."""
    parsed = {TableName.parse(name): None if each is None else frozenset(each) for name, each in changed.items()}
    wrote = {TableName.parse(name) for name in written or changed}
    tables = dict.fromkeys(map(TableName.parse, ("bronze.orders", "bronze.items", "silver.prices", "gold.states")), "")
    readers = lake_readers(lake.context, tables)
    assert readers.problems == ()
    found = downstream(readers, parsed, wrote)
    return {(each.kind, each.name): {str(t): c for t, c in each.through.items()} for each in found}, found


def test_a_column_affects_those_that_read_it(lake):
    found, each = told(lake, {"bronze.orders": {"note"}})
    assert found == {
        ("model", "silver.prices"): {"bronze.orders": ("note",)},
        ("exposure", "feed"): {"silver.prices": ("label",)},
    }
    assert [one.stale for one in each] == [True, False]


def test_a_column_that_decides_which_rows_there_are_affects_all_columns(lake):
    found, _ = told(lake, {"bronze.orders": {"state"}})
    assert {kind for kind, _ in found} == {"model", "check", "exposure"}
    assert found["model", "gold.states"] == {"bronze.orders": ("state",)}
    assert found["exposure", "board"] == {"gold.states": None}
    assert ("model", "silver.prices") not in found


def test_rows_that_come_or_go_affect_everything_behind_them(lake):
    found, _ = told(lake, {"bronze.orders": None})
    assert {("model", "silver.prices"), ("model", "gold.states"), ("exposure", "board"), ("exposure", "feed")} <= set(
        found
    )
    assert found["check", "bronze.items/foreign_key/order"] == {"bronze.orders": None}


def test_a_model_that_was_built_again_changed_as_its_rows_say(lake):
    found, each = told(lake, {"bronze.orders": {"price"}}, {"bronze.orders", "gold.states"})
    assert ("exposure", "board") not in found  # its table has the same rows as before
    built = next(one for one in each if one.name == "gold.states")
    assert not built.stale


def test_a_reference_is_read_by_the_column_that_it_names(lake):
    assert ("check", "bronze.items/foreign_key/order") in told(lake, {"bronze.orders": {"id"}})[0]
    assert ("check", "bronze.items/foreign_key/order") not in told(lake, {"bronze.orders": {"price"}})[0]


def test_features_are_read_by_their_views_and_services(lake):
    lake.context.online.set_registry(b"", Definitions("test", {"shops": SHOPS, "towns": TOWNS}, SERVICES))
    found, _ = told(lake, {"gold.shops": {"w"}})
    assert found == {
        ("feature view", "shops"): {"gold.shops": ("w",)},
        ("feature service", "both"): {"gold.shops": ("w",)},
    }


def test_a_trained_model_reads_what_its_select_and_its_features_read(folder, lake):
    folder.file("ml/late.sql", "select id, price > 1 as late, state from bronze.orders")
    folder.file("ml/late.py", "def late(features, label): ...\n")
    definition = "kind: probability\nowner: ml\nrows: late.sql\nkey: [id]\nmoment: at\nknown: at\nlabel: late\n"
    folder.file("ml/late.yaml", f"{definition}columns: [state]\nfeatures: [both]\n")
    lake.context.online.set_registry(b"", Definitions("test", {"shops": SHOPS, "towns": TOWNS}, SERVICES))
    found, each = told(lake, {"bronze.orders": {"price"}})
    assert found["trained model", "late"] == {"bronze.orders": ("price",)}
    assert next(one.owner for one in each if one.kind == "trained model") == "ml"
    assert ("trained model", "late") in told(lake, {"gold.towns": {"v"}})[0]
    assert ("trained model", "late") not in told(lake, {"bronze.orders": {"note"}})[0]


def test_a_python_model_reads_the_columns_that_it_takes(folder, lake):
    text = 'INPUTS = {"orders": ("bronze.orders", ["id", "price"])}\n\n\ndef prices(orders):\n    return orders\n'
    (folder.root / "transformations/silver/prices.sql").unlink()
    folder.python_model("silver.prices", text)
    assert told(lake, {"bronze.orders": {"price"}})[0]["model", "silver.prices"] == {"bronze.orders": ("price",)}
    assert ("model", "silver.prices") not in told(lake, {"bronze.orders": {"note"}})[0]


def test_what_cannot_be_read_is_named_and_stops_nothing(folder, lake):
    folder.file("exposures/bad.yaml", "exposures: [{name: x}]\n")
    folder.model("gold.states", "select nothing from bronze.orders")
    readers = lake_readers(lake.context, {ORDERS: ""})
    assert {str(table) for table in readers.models} == {"silver.prices"}
    assert "states.sql:1: there is no column" in readers.problems[0]
    assert all("bad.yaml:1" in each for each in readers.problems[1:])
    assert {each.name for each in readers.others if each.kind == "exposure"} == {"board", "feed"}


def test_check_reads_exposures(folder, lake):
    assert lake.check_contracts().exposures == 2
    folder.file("exposures/bad.yaml", "exposures:\n  - {name: x, kind: report, owner: o, reads: [gold.none]}\n")
    (fault,) = lake.check_contracts().faults
    assert "bad.yaml:2: there is no contract for a table gold.none" in str(fault)
