-- An order is paid in one go or in several; together they make what its items cost. One order has no payment on record.
create table payments as
with worth as (
    select i, sum(price + freight)::decimal(12, 2) as total from items group by i
), extras as (
    select case when e < getvariable('split_orders') then e else below(getvariable('split_orders'), u('split size', e) ** 1.9) end as payment_rank, e
    from range(getvariable('payments') - getvariable('orders') + 1) as t(e)
), counted as (
    select payment_rank, e, 1 + row_number() over (partition by payment_rank order by e) as line, count(*) over (partition by payment_rank) as n
    from extras
), orders_worth as (
    select
        o.i, o.order_id, o.payment_type, o.payment_rank,
        (100 * case when payment_type = 'not_defined' then 0
            else coalesce(total, exp(4.6 + 0.8 * bell('lost value', o.i))) end)::bigint as cents
    from orders as o left join worth as w using (i)
    where o.payment_rank < getvariable('orders') - 1
), further as (
    select
        o.i, o.order_id, line, if(u('second card', e) < 0.06, 'credit_card', 'voucher') as payment_type,
        below(cents, 0.75 * (0.05 + 0.95 * u('part', e)) / n) as cents
    from counted as c join orders_worth as o using (payment_rank)
), part_paid as (
    select i, sum(cents)::bigint as cents from further group by i
), everything as (
    select i, order_id, 1 as line, payment_type, o.cents - coalesce(f.cents, 0) as cents from orders_worth as o left join part_paid as f using (i)
    union all
    select i, order_id, line, payment_type, cents from further
)
select
    order_id, line, payment_type,
    case when payment_type <> 'credit_card' then 1 when i % 49000 = 777 then 0
        when u('installments', i) < 0.34 then 1 when u('installments', i) < 0.97 then 2 + below(9, u('how many', i) ** 1.6)
        else pick([11, 12, 12, 12, 15, 15, 18, 20, 24, 24], u('how many', i)) end as installments,
    (cents / 100)::decimal(10, 2) as value
from everything
order by noise('payment file', i), line;
