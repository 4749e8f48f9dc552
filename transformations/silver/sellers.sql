-- One row a seller: the latest delivery wins. Sellers write "city / state" and the like; the city alone stays, unless
-- nothing stands before the slash.
select
    seller_id,
    seller_zip_code_prefix as zip_code_prefix,
    translate(
        lower(coalesce(
            nullif(trim(split_part(split_part(seller_city, '/', 1), ' - ', 1)), ''),
            trim(seller_city)
        )),
        'áàâãäéêèíïóôõöúüçñ',
        'aaaaaeeeiioooouucn'
    ) as city,
    seller_state as state,
    _ingested_at
from bronze.sellers
qualify row_number() over (partition by seller_id order by _ingested_at desc, _row desc) = 1
