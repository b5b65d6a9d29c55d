-- The ten products that brought most.
-- Grain: product_id. Units: pieces, USD. Ties go to the smaller product_id.
select
  product_id,
  product_name,
  category,
  sum(quantity) as pieces,
  sum(total_amount) as total_sales
from fact_sales
group by product_id, product_name, category
order by total_sales desc, product_id
limit 10
