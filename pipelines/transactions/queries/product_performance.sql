-- How each product sells.
-- Grain: product_id, product_name, category (a renamed product has a row for each name). Units: pieces, USD.
select
  product_id,
  product_name,
  category,
  count(*) as transactions,
  sum(quantity) as pieces,
  sum(total_amount) as total_sales,
  avg(price) as average_price,
  count(distinct customer_id) as customers
from transactions
group by product_id, product_name, category
order by total_sales desc, product_id, product_name, category
