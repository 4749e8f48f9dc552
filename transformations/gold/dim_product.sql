-- One row a product.
select
    product_id,
    category,
    category_english,
    photos,
    description_length,
    weight_g,
    cast(length_cm as bigint) * height_cm * width_cm as volume_cm3
from silver.products
