"""The blocks of the page about trained models: each is run as it stands, in the order of the page, on small tables."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from checkout import ROOT
from documentation import Page, Shell
from trained import DEFINITION, FUNCTION, SCORES, SELECT, T0, TrainedLake, orders

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BATCH = "06136457c7a2da37"
VIEWS = """
from feast import Entity, FeatureService, ValueType

from lagoa.feast import declared_features

declared = declared_features(__file__)
state = Entity(name="state", join_keys=["state"], value_type=ValueType.STRING)
states = declared.view("gold.state_features", [state])
service = FeatureService(name="late_delivery", features=[states])
"""


def test_trained_models(tmp_path: Path) -> None:
    lake = _lake(tmp_path / "mylake")
    shell = Shell(lake.root)
    shell.run("lagoa feature apply")
    with Page("ml.md") as page:
        assert "late_delivery@champion is version 1 now." in shell.run(page.shell())
        lake.model_files(page.text("yaml"), page.text("python"), SELECT)
        assert "2 trained models: nothing is wrong" in shell.run("lagoa check")
        assert "late 1 learned from" in shell.run("lagoa ml train late")
        with lake.open() as opened, opened.run("more") as branch:
            branch.replace("gold.orders", orders(110))
            branch.publish()
        shell.run(page.shell())
        with lake.open() as opened:
            run = opened.trained_run("late_delivery@champion")
            frame = pd.DataFrame({"distance": [0.5], "state": ["SP"]})
            with warnings.catch_warnings(action="ignore"):  # MLflow warns of its own type hints
                page.run(lake.root, frame=frame, run_id=run.tracking)
        said = shell.run(page.shell())
        assert BATCH in said
        lake.contract("gold.order_risk", SCORES)
        with lake.open() as opened:
            page.run(lake.root, lake=opened)
            assert opened.sql("SELECT count(*) FROM gold.order_risk").fetchall() == [(80,)]


def _as_it_was(rows: pa.Table, moment: datetime) -> pa.Table:
    """Return the orders that were there at a moment, with the labels that were known."""
    rows = rows.filter(pc.less(rows["placed_at"], moment))
    known = pc.less(rows["known_at"], moment)
    for name in ("known_at", "late", "price"):
        column = rows.schema.get_field_index(name)
        rows = rows.set_column(column, name, pc.if_else(known, rows[name], None))
    return rows


def _lake(root: Path) -> TrainedLake:
    """Return a lake with orders, features of their states, and a model that is called as on the page."""
    lake = TrainedLake(root)
    for file in (root / "ml").iterdir():
        file.unlink()
    lake.file("ml/late_delivery.yaml", DEFINITION.replace("late.sql", "orders.sql"))
    lake.file("ml/late_delivery.py", FUNCTION.replace("def late(", "def late_delivery("))
    lake.file("ml/orders.sql", SELECT)
    known = {"event": "at", "zone": "America/Sao_Paulo"}
    lake.contract("gold.state_features", "state:string!* at:timestamp!* orders_to_date:long", features=known)
    with lake.open() as opened, opened.run("load") as branch:
        branch.append("gold.orders", _as_it_was(orders(110), T0 + timedelta(days=100)), batch=BATCH)
        states = {"state": ["SP", "BA"], "at": pa.array([T0] * 2, pa.timestamp("us")), "orders_to_date": [1, 2]}
        branch.append("gold.state_features", pa.table(states))
        branch.publish()
    lake.file("feature_store/feature_store.yaml", (ROOT / "feature_store" / "feature_store.yaml").read_bytes())
    lake.file("feature_store/views.py", VIEWS)
    return lake
