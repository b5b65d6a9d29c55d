-- The ten products of which most pieces were left in carts.
-- Grain: product_id. Units: pieces, USD; the average price is of a piece. Ties go to the smaller product_id.
select
  product_id,
  abandoned_amount,
  abandoned_value,
  cast(abandoned_value / abandoned_amount as decimal(12, 2)) as average_price
from abandoned_products
order by abandoned_amount desc, product_id
limit 10
