-- One row a person and moment of purchase: what could be known at that moment, for training without leaks. The state of
-- an order is not used, for it may have changed since; deliveries and answers count from the moment they happened.
with earlier as (
    -- the state that was told first, next to the order, where another one was told since: that was not known then
    select customer_id, arg_min(state, valid_from) as state
    from silver.customers
    where not is_current
    group by customer_id
),
worth as (
    select order_id, count(*) as items, sum(total) as spent
    from gold.fact_order_items
    group by order_id
),
orders as (
    select
        customers.customer_unique_id,
        coalesce(earlier.state, customers.state) as state,
        orders.order_id,
        orders.purchased_at,
        orders.delivered_at,
        cast(orders.delivered_at as date) > orders.estimated_delivery_on as is_late,
        coalesce(worth.items, 0) as items,
        coalesce(worth.spent, 0) as spent
    from silver.orders as orders
    inner join silver.customers as customers
        on customers.customer_id = orders.customer_id and customers.is_current
    left join earlier on earlier.customer_id = orders.customer_id
    left join worth on worth.order_id = orders.order_id
),
purchases as (
    select
        customer_unique_id,
        purchased_at,
        max(state) as state,
        count(*) as orders,
        cast(sum(items) as bigint) as items,
        cast(sum(spent) as decimal(14, 2)) as spent
    from orders
    group by customer_unique_id, purchased_at
),
running as (
    select
        customer_unique_id,
        purchased_at,
        state,
        sum(orders) over so_far as orders_to_date,
        sum(items) over so_far as items_to_date,
        sum(spent) over so_far as spent_to_date,
        first_value(purchased_at) over so_far as first_purchase_at,
        lag(purchased_at) over (partition by customer_unique_id order by purchased_at) as previous_purchase_at
    from purchases
    window so_far as (
        partition by customer_unique_id order by purchased_at rows between unbounded preceding and current row
    )
),
-- only who came back has a past to look at: the orders before this one
returned as (
    select customer_unique_id, purchased_at from running where previous_purchase_at is not null
),
deliveries as (
    select
        returned.customer_unique_id,
        returned.purchased_at,
        count(*) as deliveries,
        sum(case when orders.is_late then 1 else 0 end) as late_deliveries,
        max(orders.delivered_at) as latest_at
    from returned
    inner join orders
        on orders.customer_unique_id = returned.customer_unique_id
        and orders.purchased_at < returned.purchased_at
        and orders.delivered_at <= returned.purchased_at
    group by returned.customer_unique_id, returned.purchased_at
),
answers as (
    select
        returned.customer_unique_id,
        returned.purchased_at,
        count(*) as reviews,
        avg(cast(reviews.review_score as double)) as average_score,
        max(reviews.answered_at) as latest_at
    from returned
    inner join orders
        on orders.customer_unique_id = returned.customer_unique_id
        and orders.purchased_at < returned.purchased_at
    inner join gold.fact_reviews as reviews
        on reviews.order_id = orders.order_id and reviews.answered_at <= returned.purchased_at
    group by returned.customer_unique_id, returned.purchased_at
)
select
    running.customer_unique_id,
    running.purchased_at as event_timestamp,
    running.state,
    cast(running.orders_to_date as bigint) as orders_to_date,
    cast(running.items_to_date as bigint) as items_to_date,
    cast(running.spent_to_date as decimal(14, 2)) as spent_to_date,
    cast(floor(date_diff('second', running.first_purchase_at, running.purchased_at) / 86400) as integer) as days_since_first_order,
    cast(floor(date_diff('second', running.previous_purchase_at, running.purchased_at) / 86400) as integer) as days_since_previous_order,
    coalesce(deliveries.deliveries, 0) as deliveries_to_date,
    cast(coalesce(deliveries.late_deliveries, 0) as bigint) as late_deliveries_to_date,
    coalesce(answers.reviews, 0) as reviews_to_date,
    answers.average_score as average_score_to_date,
    greatest(
        running.purchased_at,
        coalesce(deliveries.latest_at, running.purchased_at),
        coalesce(answers.latest_at, running.purchased_at)
    ) as latest_source_event_at
from running
left join deliveries
    on deliveries.customer_unique_id = running.customer_unique_id and deliveries.purchased_at = running.purchased_at
left join answers
    on answers.customer_unique_id = running.customer_unique_id and answers.purchased_at = running.purchased_at
