"""Rows of the table that the flow `score` writes, for tests of its contract and checks without a model."""

SCORED = "gold.order_risk"

RISK = """
    select
        order_id,
        cast(approved_at as timestamptz) as moment,
        cast(0.05 as double) as probability,
        cast(0.5 as double) as training_rank,
        'late_delivery' as model,
        cast(1 as integer) as model_version,
        'c' as data_commit
    from silver.orders
    where delivered_at is null and approved_at is not null
"""
