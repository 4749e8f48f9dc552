-- One row a seller and delivery that tells of it, the later record of one delivery; the versions of the seller follow
-- from that. Sellers write "city / state" and the like; the city alone stays, unless
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
    _ingested_at as valid_from
from bronze.sellers
qualify row_number() over (partition by seller_id, _ingested_at order by _row desc) = 1
