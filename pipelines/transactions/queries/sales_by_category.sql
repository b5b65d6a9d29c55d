-- What each category sold.
-- Grain: category. Units: USD; the average is rounded to the cent, half up.
select
  category,
  count(*) as transactions,
  sum(total_amount) as total_sales,
  avg(total_amount) as average_sale,
  min(total_amount) as smallest_sale,
  max(total_amount) as largest_sale
from transactions
group by category
order by total_sales desc, category
