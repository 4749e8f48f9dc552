-- One row a month and state of the customer.
select
    cast(date_trunc('month', sales.purchased_on) as date) as month_start,
    customers.state,
    count(distinct sales.order_id) as orders,
    count(*) as items,
    count(distinct sales.customer_unique_id) as customers,
    cast(sum(sales.price) as decimal(14, 2)) as revenue,
    cast(sum(sales.freight_value) as decimal(14, 2)) as freight,
    cast(sum(sales.total) / count(distinct sales.order_id) as decimal(14, 2)) as average_ticket
from gold.fact_order_items as sales
inner join gold.dim_customer as customers on customers.customer_id = sales.customer_id
where sales.is_sale
group by 1, 2
