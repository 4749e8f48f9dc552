select
    order_id, line as order_item_id, product_id, seller_id, ship_by as shipping_limit_date, price, freight as freight_value
from items
