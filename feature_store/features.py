"""The features of the reference lake: what was known of customers and sellers, and what models read."""

from __future__ import annotations

import pandas as pd
from feast import Entity, FeatureService, Field, RequestSource, ValueType
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64

from lagoa.feast import declared_features

declared = declared_features(__file__)

customer = Entity(
    name="customer",
    join_keys=["customer_unique_id"],
    value_type=ValueType.STRING,
    description="A person who buys, by the id that all their orders have in common.",
)
seller = Entity(name="seller", join_keys=["seller_id"], value_type=ValueType.STRING, description="Who sells.")
product = Entity(name="product", join_keys=["product_id"], value_type=ValueType.STRING, description="What is sold.")

customer_features = declared.view("gold.customer_features", [customer])
seller_features = declared.view("gold.seller_features", [seller], push="seller_now")

basket = RequestSource(name="basket", schema=[Field(name="items", dtype=Int64), Field(name="freight", dtype=Float64)])


@on_demand_feature_view(
    sources=[basket, customer_features[["items_to_date"]]],
    schema=[Field(name="share_of_items", dtype=Float64), Field(name="freight_per_item", dtype=Float64)],
    description="A basket beside what its customer bought before.",
    owner="analytics",
    tags={"domain": "sales"},
)
def basket_features(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the items of a customer a basket is, and what the freight of one of its items costs."""
    bought = inputs["items_to_date"].fillna(0) + inputs["items"]
    return pd.DataFrame(
        {"share_of_items": inputs["items"] / bought, "freight_per_item": inputs["freight"] / inputs["items"]}
    )


late_delivery = FeatureService(
    name="late_delivery",
    features=[
        customer_features[["state", "orders_to_date", "late_deliveries_to_date"]],
        seller_features[["items_last_month", "late_share_to_date", "average_score_to_date"]],
    ],
    description="Whether an order will come after the day that was promised.",
    owner="analytics",
)
basket_value = FeatureService(
    name="basket_value",
    features=[customer_features[["orders_to_date", "items_to_date", "spent_to_date"]], basket_features],
    description="What a customer adds to a basket.",
    owner="analytics",
)
