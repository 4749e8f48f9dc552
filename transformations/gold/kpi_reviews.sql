-- One row a month of the answers; a review that stands for several orders counts once for each.
select
    cast(date_trunc('month', answered_at) as date) as month_start,
    count(*) as reviews,
    avg(cast(review_score as double)) as average_score,
    avg(case when review_score = 5 then 1e0 else 0e0 end) as five_star_share,
    avg(case when review_score = 1 then 1e0 else 0e0 end) as one_star_share,
    avg(case when has_comment then 1e0 else 0e0 end) as comment_share,
    avg(case when not is_late then cast(review_score as double) end) as average_score_on_time,
    avg(case when is_late then cast(review_score as double) end) as average_score_late
from gold.fact_reviews
group by 1
