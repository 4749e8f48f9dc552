-- One row a category and month, from the first month in which the category sold: how many items were ordered, and what was
-- known of it when the month began. The latest month is not over: its number is not known yet. Each item counts when its
-- order was placed, whatever became of the order.
with sold as (
    select
        products.category_english as category,
        items.product_id,
        items.price,
        orders.purchased_at,
        cast(date_trunc('month', orders.purchased_at) as date) as month
    from silver.order_items as items
    inner join silver.orders as orders on orders.order_id = items.order_id
    inner join gold.dim_product as products on products.product_id = items.product_id
),
-- The months whose days all have orders of the marketplace, and the one after them: a file may end with a few stragglers.
open_days as (
    select cast(date_trunc('month', purchased_at) as date) as month, count(distinct cast(purchased_at as date)) as days
    from sold
    group by 1
),
closed as (
    select max(month) as month from open_days where days = day(last_day(month))
),
months as (
    select distinct cast(unnest(generate_series(date '2016-09-01', closed.month + interval 1 month, interval 1 month)) as date) as month
    from closed
),
first_sold as (
    select category, min(month) as month
    from sold
    group by category
),
-- What a product costs beside its usual price until then: so a month of dear products is none of dear prices.
offered as (
    select
        category,
        month,
        ln(cast(price as double)) - avg(ln(cast(price as double))) over (
            partition by product_id order by purchased_at
            range between interval 365 days preceding and interval 1 second preceding
        ) as dearer
    from sold
),
by_month as (
    select sold.category, sold.month, count(*) as units, count(distinct sold.product_id) as products
    from sold
    group by all
),
prices as (
    select category, month, cast(round(avg(dearer), 9) as decimal(12, 9)) as dearer
    from offered
    group by all
),
filled as (
    select
        months.month,
        first_sold.category,
        coalesce(by_month.units, 0) as units,
        coalesce(by_month.products, 0) as products,
        prices.dearer,
        months.month <= closed.month as over
    from months
    cross join closed
    inner join first_sold on first_sold.month <= months.month
    left join by_month on by_month.category = first_sold.category and by_month.month = months.month
    left join prices on prices.category = first_sold.category and prices.month = months.month
)
select
    filled.category,
    filled.month,
    lag(filled.units, 1) over history as units_1,
    lag(filled.units, 2) over history as units_2,
    lag(filled.units, 3) over history as units_3,
    lag(filled.products, 1) over history as products_1,
    exp(lag(filled.dearer, 1) over history) as price_1,
    coalesce(lag(filled.units, 12) over history, lag(filled.units, 1) over history, 0) as naive,
    case when filled.over then filled.units end as units,
    case when filled.over then filled.month + interval 1 month end as known_at
from filled
window history as (partition by filled.category order by filled.month)
