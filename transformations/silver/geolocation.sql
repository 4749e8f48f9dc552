-- One row a zip code prefix: the middle of the points of its latest delivery. A prefix has some fifty points and several
-- spellings; points are counted by spelling first, and each spelling is cleaned once.
with spellings as (
    select
        geolocation_zip_code_prefix as zip_code_prefix,
        geolocation_city,
        geolocation_state,
        _ingested_at,
        count(*) as points,
        sum(geolocation_lat) as latitudes,
        sum(geolocation_lng) as longitudes
    from bronze.geolocation
    group by geolocation_zip_code_prefix, geolocation_city, geolocation_state, _ingested_at
),
names as (
    select distinct geolocation_city from spellings
),
cities as (
    select
        geolocation_city,
        translate(lower(trim(geolocation_city)), 'áàâãäéêèíïóôõöúüçñ', 'aaaaaeeeiioooouucn') as city
    from names
),
places as (
    select
        spellings.zip_code_prefix,
        cities.city,
        spellings.geolocation_state as state,
        spellings._ingested_at,
        sum(spellings.points) as points,
        sum(spellings.latitudes) as latitudes,
        sum(spellings.longitudes) as longitudes
    from spellings
    inner join cities on cities.geolocation_city = spellings.geolocation_city
    group by 1, 2, 3, 4
),
ranked as (
    select
        zip_code_prefix,
        city,
        state,
        _ingested_at,
        sum(points) over (partition by zip_code_prefix, _ingested_at) as points,
        sum(latitudes) over (partition by zip_code_prefix, _ingested_at) as latitudes,
        sum(longitudes) over (partition by zip_code_prefix, _ingested_at) as longitudes,
        row_number() over (partition by zip_code_prefix order by _ingested_at desc, points desc, city, state) as place
    from places
)
select
    zip_code_prefix,
    -- the order in which points are added shows in the last digits; a millionth of a degree is ten centimetres
    round(latitudes / points, 6) as latitude,
    round(longitudes / points, 6) as longitude,
    city,
    state,
    cast(points as bigint) as points,
    _ingested_at
from ranked
where place = 1
