"""Pictures of a run: what they say is text in them, and names beside bars are not cut off."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np

from lagoa.training.plots import draw


def test_names_beside_bars_are_text_within_the_picture(tmp_path):
    name = "customer_features.WWWWWWWWWW_days_since_last_order"
    model = SimpleNamespace(definition=SimpleNamespace(kind="quantiles", metric="loss", quantiles=(0.1, 0.5)))
    tested = SimpleNamespace(label=np.arange(9.0), predictions=np.ones((9, 2)))
    draw(tmp_path, model, SimpleNamespace(importances={name: 0.5, "b": 0.1}, drift={}), tested)
    assert {each.name for each in tmp_path.iterdir()} == {"quantiles.svg", "importances.svg", "drift.svg"}
    picture = (tmp_path / "importances.svg").read_text("utf-8")
    assert "loss lost when shuffled" in picture
    ((end,),) = [re.findall(r'text-anchor: end" x="([\d.]+)"', line) for line in picture.splitlines() if name in line]
    assert float(end) > 0.6 * 10 * len(name)  # points that this text takes left of where it ends
