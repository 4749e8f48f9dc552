-- One row a month of purchase and state of the customer, over delivered orders. Days are counted as the calendar has
-- them: an order that comes on the promised day is on time at any hour.
select
    cast(date_trunc('month', orders.purchased_at) as date) as month_start,
    customers.state,
    count(*) as delivered_orders,
    cast(sum(case when cast(orders.delivered_at as date) <= orders.estimated_delivery_on then 1 else 0 end) as bigint) as on_time_orders,
    avg(case when cast(orders.delivered_at as date) <= orders.estimated_delivery_on then 1e0 else 0e0 end) as on_time_share,
    avg(date_diff('second', orders.purchased_at, orders.delivered_at)) / 86400 as average_days,
    avg(date_diff('day', cast(orders.delivered_at as date), orders.estimated_delivery_on)) as average_days_early
from silver.orders as orders
inner join silver.customers as customers
    on customers.customer_id = orders.customer_id and customers.is_current
where orders.order_status = 'delivered' and orders.delivered_at is not null
group by 1, 2
