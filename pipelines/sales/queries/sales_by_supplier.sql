-- What each supplier's products brought.
-- Grain: supplier_id. Units: pieces, USD.
select
  supplier_id,
  count(distinct product_id) as products,
  sum(quantity) as pieces,
  sum(total_amount) as total_sales
from fact_sales
group by supplier_id
order by total_sales desc, supplier_id
