-- Sales day by day, and how each day compares with the one before it that had sales.
-- Grain: date (day of the files). Units: USD. change is null on the first day.
with days as (
  select
    "date",
    count(*) as transactions,
    count(distinct customer_id) as customers,
    sum(total_amount) as total_sales,
    avg(total_amount) as average_sale
  from transactions
  group by "date"
)

select
  "date",
  transactions,
  customers,
  total_sales,
  average_sale,
  total_sales - lag(total_sales) over (order by "date") as change
from days
order by "date"
