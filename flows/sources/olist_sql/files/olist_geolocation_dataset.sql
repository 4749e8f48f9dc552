-- Many points a prefix, in all 1,000,163 at full size; about a quarter are exact doubles, some cities carry their
-- accents, and a few points were typed in wrong and lie outside Brazil.
with counted as (
    select
        *,
        (sum(density) over (order by prefix) - density) * getvariable('points') // sum(density) over () as first_point,
        sum(density) over (order by prefix) * getvariable('points') // sum(density) over () as end_point,
        strip_accents(city) as plain
    from prefixes
    where mapped
    order by prefix
), points as (
    select
        prefix, city, plain, state, lat, lng, place, end_point - first_point as points,
        unnest(range(first_point::bigint, end_point::bigint)) as point
    from counted
), drawn as (
    select
        *,
        -- where on its streets: the same spot again is an exact double
        place * 20000 + below(points * 2, u('spot', point)) as spot
    from points
)
select
    prefix as geolocation_zip_code_prefix,
    case when point % 30000 = 1234 then 38.7 + u('astray lat', point) else lat + 0.02 * (u('lat', spot) - 0.5) end as geolocation_lat,
    case when point % 30000 = 1234 then -9.1 - u('astray lng', point) else lng + 0.02 * (u('lng', spot) - 0.5) end as geolocation_lng,
    if(noise('spelling', point) % 100 < 18, city, plain) as geolocation_city,
    state as geolocation_state
from drawn
