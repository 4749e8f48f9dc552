select
    review_id,
    order_id,
    score as review_score,
    title as review_comment_title,
    message as review_comment_message,
    asked_at as review_creation_date,
    answered_at as review_answer_timestamp
from reviews
