-- One row a payment of an order: the latest delivery wins.
select
    order_id,
    payment_sequential,
    payment_type,
    payment_installments as installments,
    payment_value,
    _ingested_at
from bronze.order_payments
qualify row_number() over (partition by order_id, payment_sequential order by _ingested_at desc, _row desc) = 1
