select s.order_key, s.ordered_on, s.priority, sum(s.revenue) as revenue
from silver.sales s
join bronze.customer c on c.c_custkey = s.customer_key
where c.c_mktsegment = 'BUILDING' and s.ordered_on < date '1995-03-15' and s.shipped_on > date '1995-03-15'
group by all
