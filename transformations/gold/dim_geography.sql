-- One row a zip code prefix. The map comes first; some prefixes stand in addresses only, and the place that most of
-- those addresses name serves instead.
with addresses as (
    select zip_code_prefix, city, state from silver.customers where is_current
    union all
    select zip_code_prefix, city, state from silver.sellers where is_current
),
off_map as (
    select addresses.zip_code_prefix, addresses.city, addresses.state, count(*) as mentions
    from addresses
    left join silver.geolocation as located on located.zip_code_prefix = addresses.zip_code_prefix
    where located.zip_code_prefix is null
    group by addresses.zip_code_prefix, addresses.city, addresses.state
),
places as (
    select zip_code_prefix, city, state, latitude, longitude from silver.geolocation
    union all
    select zip_code_prefix, city, state, cast(null as double) as latitude, cast(null as double) as longitude
    from off_map
    qualify row_number() over (partition by zip_code_prefix order by mentions desc, city, state) = 1
)
select
    zip_code_prefix,
    city,
    state,
    case
        when state in ('AC', 'AM', 'AP', 'PA', 'RO', 'RR', 'TO') then 'North'
        when state in ('AL', 'BA', 'CE', 'MA', 'PB', 'PE', 'PI', 'RN', 'SE') then 'Northeast'
        when state in ('DF', 'GO', 'MS', 'MT') then 'Central-West'
        when state in ('ES', 'MG', 'RJ', 'SP') then 'Southeast'
        else 'South'
    end as region,
    latitude,
    longitude
from places
