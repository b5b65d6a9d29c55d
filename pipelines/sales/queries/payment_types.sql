-- How sales are paid, day by day.
-- Grain: transaction_date, payment_type. Units: USD.
select
  transaction_date,
  payment_type,
  count(*) as sales,
  sum(total_amount) as total_sales
from fact_sales
group by transaction_date, payment_type
order by transaction_date, payment_type
