select
    customer_id,
    customer_unique_id,
    prefix as customer_zip_code_prefix,
    strip_accents(city) as customer_city,
    state as customer_state
from orders
order by noise('customer file', i), i
