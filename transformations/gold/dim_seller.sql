-- One row a seller, as it is now.
select seller_id, zip_code_prefix, city, state
from silver.sellers
where is_current
