-- Grain: city, one at most
with totals as (
  select
    city,
    cast(sum(amount) as decimal(18, 2)) as amount
  from sales
  group by city
),

ranked as (
  select
    city,
    amount,
    row_number() over (order by amount desc, city) as place
  from totals
)

select
  city,
  amount
from ranked
where place = 1
order by city
