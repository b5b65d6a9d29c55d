-- The first offer to each customer, and what that product is worth in all abandoned carts.
-- Grain: customer_id. Units: pieces, USD. value_in_all_carts is null for a product that is not among the 50 most left.
select
  promotions.customer_id,
  promotions.product_id,
  promotions.abandoned_amount,
  abandoned_products.abandoned_value as value_in_all_carts
from promotions
left join abandoned_products on promotions.product_id = abandoned_products.product_id
where promotions.rank = 1
order by promotions.customer_id
