select
  l.l_orderkey as order_key,
  l.l_linenumber as line,
  o.o_orderdate as ordered_on,
  l.l_shipdate as shipped_on,
  o.o_orderpriority as priority,
  o.o_custkey as customer_key,
  l.l_suppkey as supplier_key,
  l.l_returnflag as return_flag,
  l.l_linestatus as line_status,
  l.l_quantity as quantity,
  l.l_discount as discount,
  l.l_extendedprice as price,
  cast(l.l_extendedprice * (1 - l.l_discount) as decimal(18, 4)) as revenue,
  cast(l.l_extendedprice * (1 - l.l_discount) * (1 + l.l_tax) as decimal(18, 6)) as charge
from bronze.lineitem l
join bronze.orders o on o.o_orderkey = l.l_orderkey
