-- Sales by day of the week, all weeks together.
-- Grain: day_of_week (Monday = 0, UTC); days without a sale are not there. Units: USD.
select
  day_of_week,
  date_format(min("timestamp"), '%W') as name,
  count(*) as transactions,
  sum(total_amount) as total_sales,
  avg(total_amount) as average_sale
from transactions
group by day_of_week
order by day_of_week
