select ps_partkey as part_key, p_name as part, s_name as supplier, ps_supplycost as cost
from bronze.partsupp
join bronze.part on p_partkey = ps_partkey
join bronze.supplier on s_suppkey = ps_suppkey
qualify row_number() over (partition by ps_partkey order by ps_supplycost, s_suppkey) = 1
