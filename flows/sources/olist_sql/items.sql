create table products as
with drawn as (
    select
        p, ident('product', p) as product_id,
        -- the curve over categories; the last two, which lack a translation, are rare
        case when u('rare category', p) < 0.0004 then 71 + below(2, u('which rare', p)) else below(71, u('category', p) ** 1.9) end as category,
        u('no category', p) < 0.0185 as bare,
        u('size', p) as size
    from range(getvariable('products')) as t(p)
)
select
    p, product_id,
    if(bare, null, name) as category_name,
    if(bare, null, 5 + below(56, 1 - u('name', p) ** 2.2)) as name_length,
    if(bare, null, 40 + least(3900, late_tail(700, 'text', p))::bigint) as description_length,
    if(bare, null, 1 + least(19, late_tail(1.4, 'photos', p))::bigint) as photos,
    -- two products of the full set have no measures, a handful weighs nothing
    case when p in (1701, 20011) then null when p % 8000 = 4321 then 0 else 50 + least(40000, 12000 * size ** 4 * price_level)::bigint end as weight,
    if(p in (1701, 20011), null, 16 + below(60, size ** 2 * u('length', p))) as length,
    if(p in (1701, 20011), null, 2 + below(70, size ** 1.5 * u('height', p))) as height,
    if(p in (1701, 20011), null, 8 + below(60, size ** 2 * u('width', p))) as width,
    greatest(0.85, least(6700, exp(4.32 + 0.85 * bell('price', p)) * price_level)) as price, size
from drawn join categories using (category)
order by p;

create table items as
with extras as (
    select
        o.i, 1 + row_number() over (partition by o.i order by e) as line
    from range(getvariable('items') - getvariable('orders_with_items')) as t(e)
    join orders as o on o.has_items and o.basket_rank = getvariable('products')
        + case when e < getvariable('baskets') then e else below(getvariable('baskets'), u('basket size', e) ** 1.7) end
), lines as (
    select i, 1 as line from orders where has_items union all select i, line from extras
), sold as (
    select
        o.i, line, o.order_id, o.state, o.road_days, o.approved_at, o.purchased_at,
        case when line > 1 and u('other product', o.i * 64 + line) < 0.12
                then below(getvariable('products'), u('another', o.i * 64 + line) ** 2.0)
            else product_of(o.i, basket_rank) end as p
    from lines as l join orders as o using (i)
), offered as (
    select
        s.*, product_id, size, weight,
        -- whole prices end as shops end them
        greatest(0.85, case when u('ending', p) < 0.75 then floor(price) + pick([0.9, 0.9, 0.99, 0.0, 0.5], u('cents', p)) else round(price, 2) end
            * if(u('price level', p * 4 + year(purchased_at) % 4) < 0.3, 0.9, 1)) as price,
        sold_by(s.i, line, p) as seller
    from sold as s join products as pr using (p)
)
select
    i, line, order_id, product_id, ident('seller', seller) as seller_id,
    after_days(coalesce(approved_at, purchased_at), 2 + below(7, u('limit', i * 64 + line) ** 1.5))::timestamp as ship_by,
    price::decimal(10, 2) as price,
    case when u('free freight', i * 64 + line) < 0.0034 then 0
        else 7.4 + road_days * 0.6 * if(seller_state = state, 0.6, 1) + 22 * size ** 6 * (0.6 + 0.08 * road_days)
            + 4 * u('freight', i * 64 + line) end::decimal(10, 2) as freight
from offered as o
join (select i as seller, state as seller_state from homes where kind = 'seller') using (seller)
order by order_id, line;
