-- Most orders are reviewed once, some twice. A customer with several orders may answer one questionnaire for all:
-- the same review then stands in several rows. The score falls with the delay.
create table reviews as
with numbered as (
    select
        r, case when r < getvariable('reviewed_orders') then r else r - getvariable('reviewed_orders') end as review_rank,
        case when r < getvariable('shared_reviews') then r + getvariable('shared_reviews') else r end as c
    from range(getvariable('reviews')) as t(r)
), answered as (
    select
        r, o.order_id, c,
        a.delivered_at, a.promised_at, a.status,
        coalesce(date_diff('hour', a.promised_at, a.delivered_at) / 24.0, if(a.status = 'delivered', 0, 12)) as days_late,
        date_trunc('day', case when a.delivered_at is null then a.promised_at + interval 2 days
            else least(a.delivered_at, a.promised_at + interval 1 day) + interval 1 day end)::timestamp as asked_at
    from numbered as n
    join orders as o on o.review_rank = n.review_rank
    join orders as a on a.review_rank = case when c < getvariable('reviewed_orders') then c else c - getvariable('reviewed_orders') end
), scored as (
    select
        *, u('score', c) as draw,
        case when days_late > 4 then [0.66, 0.73, 0.83, 0.90] when days_late > 1 then [0.32, 0.40, 0.53, 0.70]
            else [0.065, 0.095, 0.175, 0.375] end as steps
    from answered
), moods as (
    select
        *, 1 + (draw >= steps[1])::integer + (draw >= steps[2])::integer + (draw >= steps[3])::integer + (draw >= steps[4])::integer as score,
        case when draw < steps[2] then 'bad' when draw < steps[3] then 'fair' else 'good' end as mood,
        u('writes', c) < case when draw < steps[2] then 0.75 else 0.35 end as writes
    from scored
), worded as (
    select
        *,
        pick(getvariable('titles')[mood], u('title', c)) as title,
        pick(getvariable('openings')[mood], u('opening', c)) as opening,
        pick(getvariable('middles')[mood], u('middle', c)) as middle,
        pick(getvariable('endings')[mood], u('ending', c)) as ending,
        pick(['. ', '. ', ', ', ', ', ' e ', '... ', '; ', e'\r\n', e'\r\n\r\n', ' - '], u('joint', c)) as joint,
        u('length', c) as length, u('shout', c) as shout
    from moods
)
select
    ident('review', c) as review_id, order_id, score,
    if(writes and u('titled', c) < 0.28, if(shout < 0.1, upper(title), title), null) as title,
    case when not writes then null
        when shout < 0.0005 then e'\r\n'
        when length < 0.3 then opening
        when shout < 0.08 then upper(opening || joint || middle)
        when length < 0.6 then opening || joint || middle || ' '
        else opening || joint || middle || pick(['. ', '! ', e'.\r\n', ' '], u('last joint', c)) || ending end as message,
    asked_at, after_days(asked_at, 0.2 + least(120, late_tail(2.6, 'answer', c)))::timestamp as answered_at
from worded
order by noise('review file', r), r;
