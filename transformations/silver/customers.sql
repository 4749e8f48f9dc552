-- One row a customer_id: the latest delivery wins. Cities lose accents, so that one city has one spelling.
select
    customer_id,
    customer_unique_id,
    customer_zip_code_prefix as zip_code_prefix,
    translate(lower(trim(customer_city)), 'áàâãäéêèíïóôõöúüçñ', 'aaaaaeeeiioooouucn') as city,
    customer_state as state,
    _ingested_at
from bronze.customers
qualify row_number() over (partition by customer_id order by _ingested_at desc, _row desc) = 1
