-- One row an order with an approved payment: what the marketplace knew when the day of the approval began, and, once the
-- order has come, whether it came after the day that was promised. Nothing is used that may have changed since: not the
-- state of an order, and addresses as they were told first. What happened counts from the day after it.
with addresses as (
    select
        customer_id,
        any_value(customer_unique_id) as customer_unique_id,
        arg_min(state, valid_from) as state,
        arg_min(zip_code_prefix, valid_from) as zip_code_prefix
    from silver.customers
    group by customer_id
),
shops as (
    select seller_id, arg_min(state, valid_from) as state, arg_min(zip_code_prefix, valid_from) as zip_code_prefix
    from silver.sellers
    group by seller_id
),
baskets as (
    select
        items.order_id,
        arg_min(items.seller_id, items.order_item_id) as seller_id,
        count(*) as items,
        count(distinct items.seller_id) as sellers,
        sum(items.price) as price,
        sum(items.freight_value) as freight,
        sum(products.weight_g) as weight_g,
        sum(products.volume_cm3) as volume_cm3,
        arg_min(products.category_english, items.order_item_id) as category,
        min(items.ship_by) as ship_by
    from silver.order_items as items
    left join gold.dim_product as products on products.product_id = items.product_id
    group by items.order_id
),
orders as (
    select
        orders.order_id,
        orders.approved_at,
        orders.delivered_at,
        cast(orders.approved_at as date) as day,
        cast(orders.delivered_at as date) as delivered_on,
        orders.estimated_delivery_on as promised_on,
        date_diff('minute', orders.purchased_at, orders.approved_at) as approval_minutes,
        date_diff('minute', orders.approved_at, orders.delivered_at) as road_minutes,
        addresses.customer_unique_id,
        addresses.state as customer_state,
        addresses.zip_code_prefix as customer_zip,
        shops.state as seller_state,
        shops.zip_code_prefix as seller_zip,
        baskets.*exclude (order_id)
    from silver.orders as orders
    inner join addresses on addresses.customer_id = orders.customer_id
    inner join baskets on baskets.order_id = orders.order_id
    inner join shops on shops.seller_id = baskets.seller_id
    where orders.approved_at is not null
),
-- What becomes known on a day: that an order waits (for two months at most) or no more, that one is overdue (for one
-- month) or no more, how a road ended. Each day of an order is there, if only with zeros.
events as (
    select seller_id, customer_state, seller_state, day, 0 as waiting, 0 as overdue, 0 as roads, 0 as late, 0 as minutes
    from orders
    union all
    select seller_id, customer_state, seller_state, day + 1, 1, 0, 0, 0, 0
    from orders
    union all
    select
        seller_id, customer_state, seller_state, greatest(day, least(coalesce(delivered_on, day + 60), day + 60)) + 1, -1, 0, 0, 0, 0
    from orders
    union all
    select seller_id, customer_state, seller_state, promised_on + 1, 0, 1, 0, 0, 0
    from orders
    where delivered_on is null or delivered_on > promised_on
    union all
    select
        seller_id, customer_state, seller_state, least(coalesce(delivered_on, promised_on + 30), promised_on + 30) + 1, 0, -1, 0, 0, 0
    from orders
    where delivered_on is null or delivered_on > promised_on
    union all
    select
        seller_id, customer_state, seller_state, delivered_on + 1, 0, 0, 1, case when delivered_on > promised_on then 1 else 0 end, road_minutes
    from orders
    where delivered_on is not null
),
routes as (
    select
        seller_id,
        customer_state,
        seller_state,
        day,
        cast(sum(waiting) as bigint) as waiting,
        cast(sum(overdue) as bigint) as overdue,
        cast(sum(roads) as bigint) as roads,
        cast(sum(late) as bigint) as late,
        cast(sum(minutes) as bigint) as minutes
    from events
    group by all
),
country as (
    select
        day,
        sum(sum(waiting)) over (order by day) as waiting,
        sum(sum(overdue)) over (order by day) as overdue,
        sum(sum(roads)) over fortnight as roads,
        sum(sum(late)) over fortnight as late,
        sum(sum(minutes)) over fortnight as minutes
    from routes
    group by day
    window fortnight as (order by day range between interval 14 days preceding and current row)
),
states as (
    select customer_state, day, sum(sum(roads)) over month_ as roads, sum(sum(late)) over month_ as late
    from routes
    group by customer_state, day
    window month_ as (partition by customer_state order by day range between interval 30 days preceding and current row)
),
ways as (
    select customer_state, seller_state, day, sum(sum(roads)) over quarter_ as roads, sum(sum(minutes)) over quarter_ as minutes
    from routes
    group by customer_state, seller_state, day
    window quarter_ as (
        partition by customer_state, seller_state order by day range between interval 90 days preceding and current row
    )
),
sellers as (
    select
        seller_id,
        day,
        sum(sum(waiting)) over (partition by seller_id order by day) as waiting,
        sum(sum(roads)) over quarter_ as roads,
        sum(sum(late)) over quarter_ as late
    from routes
    group by seller_id, day
    window quarter_ as (partition by seller_id order by day range between interval 90 days preceding and current row)
)
select
    orders.order_id,
    orders.approved_at,
    orders.seller_id,
    orders.customer_unique_id,
    orders.customer_state,
    orders.seller_state,
    orders.category,
    date_diff('day', orders.day, orders.promised_on) as promised_days,
    date_diff('day', orders.day, cast(orders.ship_by as date)) as ship_by_days,
    orders.approval_minutes,
    dayofweek(orders.approved_at) as weekday,
    orders.items,
    orders.sellers,
    orders.price,
    orders.freight,
    orders.weight_g,
    orders.volume_cm3,
    sqrt(
        power(111.2 * (theirs.latitude - ours.latitude), 2) + power(105.0 * (theirs.longitude - ours.longitude), 2)
    ) as distance_km,
    country.waiting,
    country.overdue,
    country.overdue / nullif(country.waiting, 0) as overdue_share,
    country.late / nullif(country.roads, 0) as late_share_14,
    country.minutes / nullif(country.roads * 1440, 0) as road_days_14,
    states.late / nullif(states.roads, 0) as late_share_state_30,
    ways.minutes / nullif(ways.roads * 1440, 0) as road_days_route_90,
    ways.roads as roads_route_90,
    sellers.late / nullif(sellers.roads, 0) as late_share_seller_90,
    sellers.roads as roads_seller_90,
    sellers.waiting as waiting_seller,
    orders.delivered_on > orders.promised_on as late,
    orders.road_minutes / 1440 as days,
    date_diff('minute', orders.approved_at, cast(orders.promised_on + 1 as timestamp)) / 1440 as days_promised,
    orders.delivered_at as known_at
from orders
inner join country on country.day = orders.day
inner join states on states.customer_state = orders.customer_state and states.day = orders.day
inner join ways
    on ways.customer_state = orders.customer_state and ways.seller_state = orders.seller_state and ways.day = orders.day
inner join sellers on sellers.seller_id = orders.seller_id and sellers.day = orders.day
left join gold.dim_geography as theirs on theirs.zip_code_prefix = orders.customer_zip
left join gold.dim_geography as ours on ours.zip_code_prefix = orders.seller_zip
