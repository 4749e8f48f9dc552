select
    order_id,
    customer_id,
    status as order_status,
    purchased_at as order_purchase_timestamp,
    approved_at as order_approved_at,
    shipped_at as order_delivered_carrier_date,
    delivered_at as order_delivered_customer_date,
    promised_at as order_estimated_delivery_date
from orders
order by noise('order file', i), i
