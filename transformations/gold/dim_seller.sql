-- One row a seller.
select seller_id, zip_code_prefix, city, state
from silver.sellers
