-- The 50 products of which most pieces were left in carts.
-- Grain:  product_id
-- Inputs: carts (current silver rows; every line counts)
-- Units:  amounts in pieces; values in USD to the cent
-- Of products with the same amount the smaller product_id comes first, so that the cut at 50 is always the same.
with products as (
  select
    product_id,
    sum(product_amount) as abandoned_amount,
    sum(product_amount * product_price) as abandoned_value
  from carts
  group by product_id
)

select
  product_id,
  cast(abandoned_amount as bigint) as abandoned_amount,
  cast(abandoned_value as decimal(18, 2)) as abandoned_value
from products
order by abandoned_amount desc, product_id
limit 50
