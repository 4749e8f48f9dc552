-- One row a review and order. The text stays in silver: it is personal, and no figure needs it.
select
    reviews.review_id,
    reviews.order_id,
    orders.customer_id,
    reviews.asked_on,
    reviews.answered_at,
    reviews.review_score,
    reviews.comment_message is not null as has_comment,
    cast(orders.delivered_at as date) > orders.estimated_delivery_on as is_late
from silver.reviews as reviews
inner join silver.orders as orders on orders.order_id = reviews.order_id
