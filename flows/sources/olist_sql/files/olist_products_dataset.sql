-- The real set misspells two columns.
select
    product_id,
    category_name as product_category_name,
    name_length as product_name_lenght,
    description_length as product_description_lenght,
    photos as product_photos_qty,
    weight as product_weight_g,
    length as product_length_cm,
    height as product_height_cm,
    width as product_width_cm
from products
