-- One row an order. Orders are numbered; `slot` is the number on the scale of the full set, by which states of orders and
-- the dates that are missing get their shares. Everything else hangs on hashes of the number.
create table days as
with months as (
    select
        (date '2016-09-01' + to_months(m::integer))::date as month,
        -- orders a month: a try-out, an empty autumn, a year of growth, a plateau, and the export's cut
        [4, 320, 0, 1, 800, 1780, 2680, 2400, 3700, 3250, 4030, 4330, 4290, 4630, 6300, 5670, 7270, 6730, 7210, 6940, 6870,
            6170, 6290, 6510, 16, 4][1 + m] as orders
    from range(26) as t(m)
), weights as (
    select
        day, orders * 1000 // day(last_day(month)) * [79, 107, 105, 104, 101, 98, 84][1 + dayofweek(day)]
        * case when day = date '2017-11-24' then 60 when day between date '2017-11-25' and date '2017-11-28' then 20
            else 10 end as weight
    from (select month, orders, unnest(generate_series(month, last_day(month), interval 1 day))::date as day from months)
    where day >= date '2016-09-04'
)
select day, (sum(weight) over (order by day) - weight) / sum(weight) over () as starts from weights where weight > 0;

create table orders as
with numbered as (
    select i, i * 99441 // getvariable('orders') as slot from range(getvariable('orders')) as t(i)
), stated as (
    select
        *,
        case when slot < 96478 then 'delivered' when slot < 97585 then 'shipped' when slot < 98210 then 'canceled'
            when slot < 98819 then 'unavailable' when slot < 99133 then 'invoiced' when slot < 99434 then 'processing'
            when slot < 99439 then 'created' else 'approved' end as status,
        not (slot = 97584 or slot between 98046 and 98209 or slot between 98216 and 98818 or slot in (99131, 99132)
            or slot between 99434 and 99438) as has_items
    from numbered
), ranked as (
    select
        *,
        row_number() over (order by noise('person rank', i), i) - 1 as person_rank,
        row_number() over (partition by has_items order by noise('basket rank', i), i) - 1 as basket_rank,
        row_number() over (order by noise('payment rank', i), i) - 1 as payment_rank,
        row_number() over (order by noise('review rank', i), i) - 1 as review_rank
    from stated
), bought as (
    select
        r.*,
        case when person_rank < getvariable('people') then person_rank
            else below(getvariable('people'), u('returning', i)) end as person,
        day + to_seconds(3600 * pick([0, 0, 1, 6, 7, 8, 8, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 13, 13, 13, 13, 14,
            14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16, 17, 17, 17, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 21, 21, 21, 21, 22,
            22, 22, 23, 23], u('hour', i)) + below(3600, u('second', i))) as purchased_at,
        pick(['credit_card', 'credit_card', 'credit_card', 'boleto'], u('card or slip', i)) as usual_payment
    from ranked as r asof join days as d on u('day', i) >= d.starts
), paid as (
    select
        b.* exclude (usual_payment), prefix, city, state, road_days,
        case when slot between 98046 and 98048 then 'not_defined'
            -- several payments go with a card, or with vouchers alone
            when payment_rank < getvariable('split_orders') then if(u('split', i) < 0.55, 'credit_card', 'voucher')
            when u('payment', i) < 0.004 then 'voucher' when u('payment', i) < 0.020 then 'debit_card'
            when u('payment', i) < 0.20 then usual_payment else if(u('slip', i) < 0.19, 'boleto', 'credit_card')
            end as payment_type
    from bought as b join (select i as person, prefix, city, state, road_days from homes where kind = 'person') using (person)
), approved as (
    select
        *,
        after_days(purchased_at, case when payment_type = 'boleto' then 0.4 + late_tail(1.1, 'approval', i)
            when u('slow approval', i) < 0.12 then u('approval', i) else 0.004 + late_tail(0.012, 'approval', i) end) as approved
    from paid
), packed as (
    -- the seller of the first item: some are slow, and all are slower with many orders of a week to pack
    select
        a.*, home.state as seller_state,
        exp(0.6 * bell('seller pace', seller) - 0.18) * least(3, 0.8 + 0.05 * count(*) over (
            partition by seller order by approved range between interval 7 days preceding and current row)) as packing
    from (select *, sold_by(i, 1, product_of(i, basket_rank)) as seller from approved) as a
    join (select i as seller, state from homes where kind = 'seller') as home using (seller)
), shipped as (
    select
        *,
        -- a few parcels are scanned before the payment is approved, fewer even before the purchase is on record
        after_days(case when u('early scan', i) < 0.0017 then purchased_at - interval 2 days else approved end,
            case when u('early scan', i) < if(payment_type = 'boleto', 0.05, 0.0025) then u('carrier', i) - 0.9 else 0.2 + late_tail(2.8 * packing, 'carrier', i) end) as shipped
    from packed
), delivered as (
    select
        *,
        -- a fifth of an order's road is luck, and each way between two states has its own pace; the weeks after Black Friday,
        -- the holidays and the strike of May 2018 are slow
        after_days(greatest(shipped, purchased_at), 0.7 + road_days * exp(0.45 * bell('road', i))
            * if(state = seller_state, 0.8, 1.05 * exp(0.12 * bell('way', hash(seller_state || state))))
            * case when purchased_at between timestamp '2017-11-20' and timestamp '2017-12-15' then 1.3
                when purchased_at between timestamp '2018-02-10' and timestamp '2018-03-31' then 1.35
                when month(purchased_at) in (12, 1) then 1.1
                when purchased_at >= timestamp '2018-06-01' then 0.8 else 1 end) as delivered
    from shipped
)
select
    i, slot, person, status, has_items, basket_rank, payment_rank, review_rank, payment_type, prefix, city, state, road_days,
    ident('order', i) as order_id, ident('customer', i) as customer_id, ident('person', person) as customer_unique_id,
    purchased_at,
    case when status = 'created' or slot < 14 or slot between 98069 and 98209 then null else approved end as approved_at,
    case when (status = 'delivered' and slot not in (20, 21)) or status = 'shipped' or slot between 97585 and 97659
        then shipped end as shipped_at,
    case when (status = 'delivered' and slot not between 30 and 37) or slot between 97585 and 97590 then delivered end as delivered_at,
    date_trunc('day', after_days(purchased_at, 11.0 + 1.2 * road_days + 7 * u('promise', i)))::timestamp as promised_at
from delivered;

set variable orders_with_items = (select count(*) from orders where has_items);
