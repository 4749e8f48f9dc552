-- One row a review and order: the review's own id repeats where one questionnaire stood for several orders.
-- A line break becomes a blank; a text of blanks, tabs and line breaks alone is no text.
select
    review_id,
    order_id,
    review_score,
    nullif(trim(regexp_replace(review_comment_title, '\r\n?|\n', ' ', 'g'), ' ' || chr(9)), '') as comment_title,
    nullif(trim(regexp_replace(review_comment_message, '\r\n?|\n', ' ', 'g'), ' ' || chr(9)), '') as comment_message,
    cast(review_creation_date as date) as asked_on,
    review_answer_timestamp as answered_at,
    _ingested_at
from bronze.order_reviews
qualify row_number() over (partition by review_id, order_id order by _ingested_at desc, _row desc) = 1
