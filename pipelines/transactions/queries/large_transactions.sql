-- Transactions over 1000 USD, the largest first.
-- Grain: transaction_id. Units: USD; times in UTC. Ties go to the smaller transaction_id.
select
  transaction_id,
  "timestamp",
  customer_id,
  product_name,
  category,
  quantity,
  price,
  total_amount
from transactions
where total_amount > 1000
order by total_amount desc, transaction_id
