-- When people buy: sales by hour of the day, all days together.
-- Grain: hour (0 to 23, UTC); hours without a sale are not there. Units: USD.
select
  hour,
  count(*) as transactions,
  sum(total_amount) as total_sales,
  avg(total_amount) as average_sale
from transactions
group by hour
order by hour
