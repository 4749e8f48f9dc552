-- One row an item of an order: the latest delivery wins.
select
    order_id,
    order_item_id,
    product_id,
    seller_id,
    shipping_limit_date as ship_by,
    price,
    freight_value,
    _ingested_at
from bronze.order_items
qualify row_number() over (partition by order_id, order_item_id order by _ingested_at desc, _row desc) = 1
