select name as product_category_name, name_english as product_category_name_english
from categories
where name_english is not null
order by category
