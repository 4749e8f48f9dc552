"""A lake with features, as tests of them need it: two tables on main, and views of them applied without Feast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from lagoa.domain.features import Definitions, Feature, FeatureView

if TYPE_CHECKING:
    from lakes import LakeFolder

    from lagoa.lake import Lake

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SHOPS = FeatureView(
    name="shops",
    table="gold.shops",
    keys=(("shop", "shop"),),
    key_types=("STRING",),
    timestamp="at",
    zone="UTC",
    created="",
    ttl_s=0,
    features=(Feature("v", "INT64", "v"), Feature("word", "STRING", "w")),
    domain="sales",
)
TOWNS = replace(SHOPS, name="towns", table="gold.towns", domain="operations", features=(Feature("v", "INT64", "v"),))
SERVICES = {"both": ("shops:v", "shops:word", "towns:v")}


def contracts(folder: LakeFolder) -> None:
    """Write the contracts of the tables."""
    folder.contract("gold.shops", "shop:string!* at:timestamptz!* v:long w:string")
    folder.contract("gold.towns", "shop:string!* at:timestamptz!* v:long")


def rows(values: dict[str, int], *, word: bool = True, day: int = 0) -> pa.Table:
    """Return a row a shop, each with its number, at a day."""
    at = T0 + timedelta(days=day)
    found = [
        {"shop": shop, "at": at, "v": value} | ({"w": f"w{value}"} if word else {}) for shop, value in values.items()
    ]
    names = [("shop", pa.string()), ("at", pa.timestamp("us", "UTC")), ("v", pa.int64())]
    return pa.Table.from_pylist(found, pa.schema([*names, *([("w", pa.string())] if word else [])]))


def publish(lake: Lake, values: dict[str, int], *, day: int = 0) -> str:
    """Publish both tables with just these rows; return the commit."""
    with lake.run("load") as branch:
        branch.replace("gold.shops", rows(values, day=day))
        branch.replace("gold.towns", rows(values, word=False, day=day))
        return branch.publish().commit


def apply(lake: Lake, *views: FeatureView) -> None:
    """Apply views, all by default, and the service over both."""
    found = {each.name: each for each in views or (SHOPS, TOWNS)}
    lake.context.online.set_registry(b"", Definitions("test", found, SERVICES))
