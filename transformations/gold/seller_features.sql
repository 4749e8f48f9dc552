-- One row a seller and month: what could be known when the month began, for training without leaks. Each event counts in
-- the month in which it became known (an item when ordered, a delivery when it arrived, a score when it was answered), is
-- added up by month, and shows from the first moment of the next. One answer may stand for several orders: it counts for
-- none of them before that was placed. The state of an order is not used: it may have changed.
with known as (
    select
        seller_id,
        date_trunc('month', purchased_at) as month_start,
        count(*) as items,
        sum(price) as revenue,
        0 as deliveries,
        0 as late_deliveries,
        0 as reviews,
        0 as stars,
        max(purchased_at) as latest_at
    from gold.fact_order_items
    group by 1, 2
    union all
    select
        seller_id,
        date_trunc('month', delivered_at),
        0,
        0,
        count(*),
        sum(case when is_late then 1 else 0 end),
        0,
        0,
        max(delivered_at)
    from gold.fact_order_items
    where delivered_at is not null
    group by 1, 2
    union all
    select
        items.seller_id,
        date_trunc('month', greatest(reviews.answered_at, items.purchased_at)),
        0,
        0,
        0,
        0,
        count(*),
        sum(reviews.review_score),
        max(greatest(reviews.answered_at, items.purchased_at))
    from gold.fact_reviews as reviews
    inner join gold.fact_order_items as items on items.order_id = reviews.order_id
    group by 1, 2
),
months as (
    select
        seller_id,
        month_start,
        cast(sum(items) as bigint) as items,
        cast(sum(revenue) as decimal(14, 2)) as revenue,
        cast(sum(deliveries) as bigint) as deliveries,
        cast(sum(late_deliveries) as bigint) as late_deliveries,
        cast(sum(reviews) as bigint) as reviews,
        cast(sum(stars) as bigint) as stars,
        max(latest_at) as latest_at
    from known
    group by seller_id, month_start
),
first_months as (
    select seller_id, date_trunc('month', min(purchased_at)) as first_month
    from gold.fact_order_items
    group by seller_id
),
calendar as (
    select distinct cast(month_start as timestamp) as month_start
    from gold.dim_date
    where date <= (select max(purchased_on) from gold.fact_order_items)
),
spine as (
    select first_months.seller_id, calendar.month_start
    from first_months
    inner join calendar on calendar.month_start >= first_months.first_month
),
running as (
    select
        spine.seller_id,
        spine.month_start,
        months.items as items_last_month,
        months.revenue as revenue_last_month,
        sum(months.items) over so_far as items,
        sum(months.revenue) over so_far as revenue,
        sum(months.deliveries) over so_far as deliveries,
        sum(months.late_deliveries) over so_far as late_deliveries,
        sum(months.reviews) over so_far as reviews,
        sum(months.stars) over so_far as stars,
        max(months.latest_at) over so_far as latest_at
    from spine
    left join months on months.seller_id = spine.seller_id and months.month_start = spine.month_start
    window so_far as (
        partition by spine.seller_id order by spine.month_start rows between unbounded preceding and current row
    )
)
select
    seller_id,
    month_start + interval '1' month as event_timestamp,
    cast(items as bigint) as items_to_date,
    cast(revenue as decimal(14, 2)) as revenue_to_date,
    coalesce(items_last_month, 0) as items_last_month,
    cast(coalesce(revenue_last_month, 0) as decimal(14, 2)) as revenue_last_month,
    cast(deliveries as bigint) as deliveries_to_date,
    cast(late_deliveries as double) / nullif(deliveries, 0) as late_share_to_date,
    cast(reviews as bigint) as reviews_to_date,
    cast(stars as double) / nullif(reviews, 0) as average_score_to_date,
    latest_at as latest_source_event_at
from running
