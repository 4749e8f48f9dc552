-- One row a day from the first sale to the last. Days without a sale stand at zero, so that a gap in a chart is a gap in
-- the data.
with sales as (
    select
        purchased_on,
        count(distinct order_id) as orders,
        count(*) as items,
        count(distinct customer_unique_id) as customers,
        sum(price) as revenue,
        sum(freight_value) as freight
    from gold.fact_order_items
    where is_sale
    group by purchased_on
),
span as (
    select min(purchased_on) as first_day, max(purchased_on) as last_day from sales
)
select
    days.date,
    coalesce(sales.orders, 0) as orders,
    coalesce(sales.items, 0) as items,
    coalesce(sales.customers, 0) as customers,
    cast(coalesce(sales.revenue, 0) as decimal(14, 2)) as revenue,
    cast(coalesce(sales.freight, 0) as decimal(14, 2)) as freight,
    cast((sales.revenue + sales.freight) / sales.orders as decimal(14, 2)) as average_ticket
from gold.dim_date as days
inner join span on days.date between span.first_day and span.last_day
left join sales on sales.purchased_on = days.date
