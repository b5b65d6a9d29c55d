-- The 20 customers who spent most in all their time.
-- Grain: customer_id. Units: USD; times in UTC. Ties go to the smaller customer_id.
select
  customer_id,
  count(*) as transactions,
  sum(total_amount) as lifetime_value,
  avg(total_amount) as average_sale,
  min("timestamp") as first_sale_at,
  max("timestamp") as last_sale_at
from transactions
group by customer_id
order by lifetime_value desc, customer_id
limit 20
