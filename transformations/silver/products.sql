-- One row a product, with its category in two languages; no category and a blank one are the category `desconhecida`.
-- The whole table each time: a name may get its translation without a new delivery of the product.
with latest as (
    select *, coalesce(nullif(trim(product_category_name), ''), 'desconhecida') as category
    from bronze.products
    qualify row_number() over (partition by product_id order by _ingested_at desc, _row desc) = 1
),
names as (
    select trim(product_category_name) as category, product_category_name_english as category_english
    from bronze.product_category_names
    qualify row_number() over (partition by trim(product_category_name) order by _ingested_at desc, _row desc) = 1
)
select
    latest.product_id,
    latest.category,
    coalesce(names.category_english, nullif(latest.category, 'desconhecida'), 'unknown') as category_english,
    latest.product_name_lenght as name_length,
    latest.product_description_lenght as description_length,
    latest.product_photos_qty as photos,
    latest.product_weight_g as weight_g,
    latest.product_length_cm as length_cm,
    latest.product_height_cm as height_cm,
    latest.product_width_cm as width_cm,
    latest._ingested_at
from latest
left join names on names.category = latest.category
