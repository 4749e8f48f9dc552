-- One row an item of an order. What the figures ask of the order again and again (its person, its day, whether it is a
-- sale and came late) is decided here, once.
select
    items.order_id,
    items.order_item_id,
    orders.customer_id,
    customers.customer_unique_id,
    items.product_id,
    items.seller_id,
    orders.order_status,
    orders.order_status not in ('canceled', 'unavailable') as is_sale,
    cast(orders.purchased_at as date) as purchased_on,
    orders.purchased_at,
    orders.delivered_at,
    cast(orders.delivered_at as date) > orders.estimated_delivery_on as is_late,
    cast(items.price as decimal(14, 2)) as price,
    cast(items.freight_value as decimal(14, 2)) as freight_value,
    cast(items.price + items.freight_value as decimal(14, 2)) as total
from silver.order_items as items
inner join silver.orders as orders on orders.order_id = items.order_id
inner join silver.customers as customers
    on customers.customer_id = orders.customer_id and customers.is_current
