-- One row a customer_id: the latest delivery wins. Cities lose accents, so that one city has one spelling; each
-- spelling is cleaned once, not once a customer.
with latest as (
    select *
    from bronze.customers
    qualify row_number() over (partition by customer_id order by _ingested_at desc, _row desc) = 1
),
spellings as (
    select distinct customer_city from bronze.customers
),
cities as (
    select
        customer_city,
        translate(lower(trim(customer_city)), 'áàâãäéêèíïóôõöúüçñ', 'aaaaaeeeiioooouucn') as city
    from spellings
)
select
    latest.customer_id,
    latest.customer_unique_id,
    latest.customer_zip_code_prefix as zip_code_prefix,
    cities.city,
    latest.customer_state as state,
    latest._ingested_at
from latest
inner join cities on cities.customer_city = latest.customer_city
