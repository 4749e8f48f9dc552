-- One row a day: every whole year that an order or an answer touches, so that no fact falls out of the calendar.
with answers as (
    select min(answered_at) as first_at, max(answered_at) as last_at from silver.reviews
),
bounds as (
    select
        date_trunc('year', least(min(orders.purchased_at), min(answers.first_at))) as first_day,
        date_trunc('year', greatest(
            max(orders.purchased_at),
            max(orders.delivered_at),
            max(cast(orders.estimated_delivery_on as timestamp)),
            max(answers.last_at)
        )) + interval '1' year - interval '1' day as last_day
    from silver.orders as orders
    cross join answers
),
days as (
    select cast(unnest(generate_series(first_day, last_day, interval '1' day)) as date) as date from bounds
)
select
    date,
    cast(extract(year from date) as integer) as year,
    cast(extract(quarter from date) as integer) as quarter,
    cast(extract(month from date) as integer) as month,
    cast(date_trunc('month', date) as date) as month_start,
    cast(extract(day from date) as integer) as day,
    cast(isodow(date) as integer) as weekday,
    case isodow(date)
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as weekday_name,
    isodow(date) >= 6 as is_weekend
from days
