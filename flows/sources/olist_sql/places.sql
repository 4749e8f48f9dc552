-- Zip prefixes: each lies in a larger city or a small town of its state, at a point of its own.
-- Brazil writes a prefix with its leading zero; it is text.
create table prefixes as
with counted as (
    select rowid as area, *, 1 + prefixes * (getvariable('prefixes') - 28) // sum(prefixes) over () as n from states
), numbered as (
    select *, unnest(range(n::bigint)) as k from counted
), placed as (
    select
        area * 100000 + k as place, area, state, k, n, road_days, lat, lng, spread, area * 10000 + k // 4 as town,
        lpad((first_prefix + k * (last_prefix - first_prefix + 1) // n)::varchar, 5, '0') as prefix,
        -- the larger cities have the first two thirds of a state's prefixes
        k / (0.66 * n) as place_in_cities
    from numbered
), shares as (
    select
        state, city, lat, lng, weight / sum(weight) over (partition by state) as share,
        (sum(weight) over (partition by state order by weight desc, city) - weight) / sum(weight) over (partition by state) as starts
    from cities
)
select
    place, area, p.state, k, n, road_days, prefix,
    case when place_in_cities < 1 then c.city
        else pick(getvariable('saints'), u('saint', town)) || ' ' || pick(getvariable('places'), u('place', town)) end as city,
    case when place_in_cities < 1 then c.lat else p.lat + spread * (2 * u('town lat', town) - 1) end
        + 0.08 * (u('prefix lat', place) - 0.5) as lat,
    case when place_in_cities < 1 then c.lng else p.lng + spread * (2 * u('town lng', town) - 1) end
        + 0.08 * (u('prefix lng', place) - 0.5) as lng,
    -- a few prefixes are on no map, and customers live there all the same
    u('mapped', place) >= 0.008 as mapped,
    1 + below(60, u('density', place) ** 2) as density
from placed as p asof join shares as c on p.state = c.state and least(p.place_in_cities, 0.999999) >= c.starts
order by place;

-- Who lives where: the state by its weight, the prefix leaning to the capital.
create table homes as
with weights as (
    select
        area, n, customers, sellers,
        (sum(customers) over (order by area) - customers) / sum(customers) over () as customers_from,
        (sum(sellers) over (order by area) - sellers) / sum(sellers) over () as sellers_from
    from (select s.rowid as area, n, customers, sellers from states as s join (select distinct area, n from prefixes) as p on p.area = s.rowid)
), people as (
    select i, u('person area', i) as draw, u('person place', i) ** 1.6 as lean from range(getvariable('people')) as t(i)
), shops as (
    select i, u('seller area', i) as draw, u('seller place', i) ** 1.6 as lean from range(getvariable('sellers')) as t(i)
), drawn as (
    select 'person' as kind, i, area, below(n, lean) as k from people asof join (from weights where customers > 0) as w on draw >= customers_from
    union all
    select 'seller', i, area, below(n, lean) from shops asof join (from weights where sellers > 0) as w on draw >= sellers_from
)
select kind, i, prefix, city, p.state, road_days, lat, lng
from drawn as d join prefixes as p using (area, k);
