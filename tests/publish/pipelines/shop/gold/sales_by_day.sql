-- Grain: sale_id
select
  sales.sale_id,
  sales.amount,
  cities.note,
  cast(sales._batch as date) as day
from sales
inner join cities on sales.city = cities.city
