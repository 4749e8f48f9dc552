-- One row a customer_id and delivery that tells of it, the later record of one delivery; the versions of the customer
-- follow from that. Cities lose accents, so that one city has one spelling; each spelling is cleaned once, not once a
-- customer.
with told as (
    select *
    from bronze.customers
    qualify row_number() over (partition by customer_id, _ingested_at order by _row desc) = 1
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
    told.customer_id,
    told.customer_unique_id,
    told.customer_zip_code_prefix as zip_code_prefix,
    cities.city,
    told.customer_state as state,
    told._ingested_at as valid_from
from told
inner join cities on cities.customer_city = told.customer_city
