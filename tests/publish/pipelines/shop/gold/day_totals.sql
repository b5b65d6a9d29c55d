-- Grain: city, day
select
  city,
  cast(sum(amount) as decimal(18, 2)) as amount,
  cast(_batch as date) as day
from sales
group by city, _batch
