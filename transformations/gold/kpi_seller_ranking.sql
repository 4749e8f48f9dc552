-- One row a seller with a sale. Lateness and score are those of its orders, each order once.
with scores as (
    select order_id, avg(cast(review_score as double)) as review_score
    from gold.fact_reviews
    group by order_id
),
orders as (
    select seller_id, order_id, is_late, count(*) as items, sum(price) as revenue
    from gold.fact_order_items
    where is_sale
    group by seller_id, order_id, is_late
),
sellers as (
    select
        orders.seller_id,
        count(*) as orders,
        cast(sum(orders.items) as bigint) as items,
        cast(sum(orders.revenue) as decimal(14, 2)) as revenue,
        avg(case when orders.is_late then 1e0 when not orders.is_late then 0e0 end) as late_share,
        avg(scores.review_score) as average_score
    from orders
    left join scores on scores.order_id = orders.order_id
    group by orders.seller_id
)
select
    seller_id,
    row_number() over (order by revenue desc, seller_id) as revenue_rank,
    orders,
    items,
    revenue,
    late_share,
    average_score
from sellers
