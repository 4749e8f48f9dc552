select n.region, n.nation, year(s.ordered_on) as year, sum(s.revenue) as revenue
from silver.sales s
join bronze.customer c on c.c_custkey = s.customer_key
join bronze.supplier p on p.s_suppkey = s.supplier_key and p.s_nationkey = c.c_nationkey
join silver.nations n on n.nation_key = p.s_nationkey
group by all
