select
    order_id, line as payment_sequential, payment_type, installments as payment_installments, value as payment_value
from payments
