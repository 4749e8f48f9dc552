select
  return_flag,
  line_status,
  sum(quantity) as quantity,
  sum(price) as price,
  sum(revenue) as revenue,
  sum(charge) as charge,
  avg(discount) as discount,
  count(*) as lines
from silver.sales
where shipped_on <= date '1998-09-02'
group by return_flag, line_status
