-- Grain: city. Not the end: order by nothing
select
  sales.city,
  cities.note,
  count(*) as sales,
  cast(sum(sales.amount) as decimal(18, 2)) as amount,
  max(sales.sold_at) as last_sold_at
from sales
inner join cities on sales.city = cities.city
group by sales.city, cities.note
order by amount desc, note
