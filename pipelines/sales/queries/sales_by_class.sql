-- Small, medium and large sales.
-- Grain: transaction_class. Units: USD; the average is rounded to the cent, half up.
select
  transaction_class,
  count(*) as sales,
  sum(total_amount) as total_sales,
  avg(total_amount) as average_sale
from fact_sales
group by transaction_class
order by total_sales desc, transaction_class
