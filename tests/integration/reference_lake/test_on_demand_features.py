"""The on-demand view of the reference lake: a basket beside what is known of its customer, computed at the request."""

from __future__ import annotations

import shutil
import sys
import warnings
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from checkout import ROOT
from lakes import LakeFolder

from lagoa.bootstrap import open_lake
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feast import FeatureStore

VIEW = ("share_of_items", "freight_per_item")
STORED = ("orders_to_date", "items_to_date", "spent_to_date")
MAY, JULY = datetime(2018, 5, 1, 12), datetime(2018, 7, 1, 12)  # noqa: DTZ001 - local times, as in the table


def purchase(moment: datetime, orders: int, items: int, spent: str) -> dict[str, Any]:
    return {
        "customer_unique_id": "ana", "event_timestamp": moment, "state": "SP", "orders_to_date": orders,
        "items_to_date": items, "spent_to_date": Decimal(spent), "days_since_first_order": 0,
        "days_since_previous_order": None, "deliveries_to_date": 0, "late_deliveries_to_date": 0, "reviews_to_date": 0,
        "average_score_to_date": None, "latest_source_event_at": moment,
    }  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeatureStore]:
    """Return the repository of the reference lake, applied and online, over the two purchases of one customer."""
    folder = LakeFolder(tmp_path_factory.mktemp("on_demand"))
    shutil.copytree(ROOT / "iceberg", folder.root / "iceberg")
    shutil.copytree(ROOT / "feature_store", folder.root / "feature_store")
    with warnings.catch_warnings(action="ignore"):  # Feast and what it imports warn when they are imported
        from feast import FeatureStore

        from lagoa.feast.applying import apply
    with folder.open() as lake:
        with lake.run("load") as branch:
            rows = [purchase(MAY, 1, 3, "90.00"), purchase(JULY, 2, 8, "250.50")]
            branch.append("gold.customer_features", pd.DataFrame(rows).convert_dtypes())
            for table in ("gold.dim_geography", "gold.dim_seller", "gold.seller_features"):
                branch.append(table, lake.context.contracts[TableName.parse(table)].schema().as_arrow().empty_table())
            branch.publish()
        apply(folder.root / "feature_store")
        lake.materialize_features()
    yield FeatureStore(repo_path=str(folder.root / "feature_store"))
    sys.modules.pop("features", None)


def baskets(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_unique_id": ["ana", "ana", "new"], "items": [2, 2, 4], "freight": [5.0] * 3, **columns}
    )


def test_online_it_is_computed_from_the_newest_row(store: FeatureStore) -> None:
    asked = baskets().iloc[1:].to_dict("records")
    answer = store.get_online_features(store.get_feature_service("basket_value"), asked).to_dict()
    assert [answer[name] for name in STORED] == [[2, None], [8, None], [Decimal("250.50"), None]]
    assert [answer[name] for name in VIEW] == [[0.2, 1.0], [2.5, 1.25]]
    alone = store.get_online_features([f"basket_features:{name}" for name in VIEW], asked).to_dict()
    assert {name: alone[name] for name in VIEW} == {name: answer[name] for name in VIEW}


def test_historically_it_is_computed_from_what_was_known(store: FeatureStore) -> None:
    moments = [datetime(2018, 6, 1, tzinfo=UTC), datetime(2018, 8, 1, tzinfo=UTC), datetime(2018, 8, 1, tzinfo=UTC)]
    asked = baskets(event_timestamp=moments)
    found = store.get_historical_features(asked, store.get_feature_service("basket_value")).to_df()
    assert found["items_to_date"].tolist()[:2] == [3, 8]
    assert [found[name].tolist() for name in VIEW] == [[0.4, 0.2, 1.0], [2.5, 2.5, 1.25]]


def test_a_request_without_its_basket_is_refused_by_name(store: FeatureStore) -> None:
    from feast.errors import RequestDataNotFoundInEntityRowsException

    with open_lake(store.repo_path.parent) as lake, pytest.raises(FeatureError, match="computed at the request"):
        lake.online_features(["basket_value"], [{"customer_unique_id": "ana"}])
    with pytest.raises(RequestDataNotFoundInEntityRowsException, match="freight"):
        store.get_online_features(
            store.get_feature_service("basket_value"), [{"customer_unique_id": "ana", "items": 2}]
        )
