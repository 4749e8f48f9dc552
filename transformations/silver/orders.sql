-- One row an order: the latest delivery wins, for an order changes its state while it is on its way.
select
    order_id,
    customer_id,
    order_status,
    order_purchase_timestamp as purchased_at,
    order_approved_at as approved_at,
    order_delivered_carrier_date as shipped_at,
    order_delivered_customer_date as delivered_at,
    cast(order_estimated_delivery_date as date) as estimated_delivery_on,
    _ingested_at
from bronze.orders
qualify row_number() over (partition by order_id order by _ingested_at desc, _row desc) = 1
