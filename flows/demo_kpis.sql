-- One row a month, the last twelve full ones: sales, delivery and reviews side by side.
select
    strftime(s.month_start, '%Y-%m') as month,
    s.orders,
    s.revenue,
    s.average_ticket,
    round(100 * d.on_time, 1) as "on time %",
    round(r.average_score, 2) as "review score"
from gold.kpi_sales_monthly as s
left join (
    select month_start, sum(on_time_orders) / sum(delivered_orders) as on_time
    from gold.kpi_delivery
    group by month_start
) as d on d.month_start = s.month_start
left join gold.kpi_reviews as r on r.month_start = s.month_start
where s.month_start < (select max(month_start) from gold.kpi_sales_monthly)
order by s.month_start desc
limit 12
