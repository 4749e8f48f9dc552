-- One row a cohort (persons by the month of their first sale) and number of months since in which one of them bought.
with months as (
    select distinct customer_unique_id, cast(date_trunc('month', purchased_on) as date) as month_start
    from gold.fact_order_items
    where is_sale
),
cohorts as (
    select
        customer_unique_id,
        month_start,
        min(month_start) over (partition by customer_unique_id) as cohort_month
    from months
),
active as (
    select
        cohort_month,
        cast(date_diff('month', cohort_month, month_start) as integer) as months_since,
        count(*) as active_customers
    from cohorts
    group by 1, 2
),
sized as (
    select
        cohort_month,
        months_since,
        -- everybody is there in the month of the first sale
        first_value(active_customers) over (partition by cohort_month order by months_since) as cohort_size,
        active_customers
    from active
)
select
    cohort_month,
    months_since,
    cohort_size,
    active_customers,
    cast(active_customers as double) / cohort_size as retention
from sized
