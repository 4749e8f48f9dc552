-- One row a payment of an order.
select
    payments.order_id,
    payments.payment_sequential,
    orders.customer_id,
    cast(orders.purchased_at as date) as purchased_on,
    payments.payment_type,
    payments.installments,
    cast(payments.payment_value as decimal(14, 2)) as payment_value
from silver.payments as payments
inner join silver.orders as orders on orders.order_id = payments.order_id
