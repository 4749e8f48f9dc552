-- One row a customer_id, as it is now. Each order has a customer_id of its own; the order's place among the person's orders is here,
-- so that first and returning customers can be told apart without a join of facts.
select
    customers.customer_id,
    customers.customer_unique_id,
    customers.zip_code_prefix,
    customers.city,
    customers.state,
    row_number() over (
        partition by customers.customer_unique_id order by orders.purchased_at, customers.customer_id
    ) as order_number,
    cast(min(orders.purchased_at) over (partition by customers.customer_unique_id) as date) as first_purchase_on
from silver.customers as customers
inner join silver.orders as orders on orders.customer_id = customers.customer_id
where customers.is_current
