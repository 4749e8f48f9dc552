-- Sellers write their city by hand.
select
    ident('seller', i) as seller_id,
    prefix as seller_zip_code_prefix,
    case when u('handwriting', i) < 0.008 then strip_accents(city) || ' / ' || lower(state)
        when u('handwriting', i) < 0.012 then strip_accents(city) || ' - ' || lower(state)
        when u('handwriting', i) < 0.020 then city else strip_accents(city) end as seller_city,
    state as seller_state
from homes
where kind = 'seller'
order by i
