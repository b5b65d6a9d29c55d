-- Grain: city; `refunds` is the same in each row
with paid_back as (
  select cast(coalesce(sum(amount), 0) as decimal(18, 2)) as refunds
  from returns
)

select
  sales.city,
  cities.region,
  count(*) as sales,
  cast(sum(sales.amount) as decimal(18, 2)) as amount,
  max(paid_back.refunds) as refunds
from sales
inner join cities on sales.city = cities.city
cross join paid_back
group by sales.city, cities.region
order by city
