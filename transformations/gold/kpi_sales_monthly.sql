-- One row a month. A sale is an item of an order that is neither canceled nor unavailable.
select
    cast(date_trunc('month', purchased_on) as date) as month_start,
    count(distinct order_id) as orders,
    count(*) as items,
    count(distinct customer_unique_id) as customers,
    cast(sum(price) as decimal(14, 2)) as revenue,
    cast(sum(freight_value) as decimal(14, 2)) as freight,
    cast(sum(total) / count(distinct order_id) as decimal(14, 2)) as average_ticket
from gold.fact_order_items
where is_sale
group by 1
