select n.n_nationkey as nation_key, n.n_name as nation, r.r_name as region
from bronze.nation n
join bronze.region r on r.r_regionkey = n.n_regionkey
