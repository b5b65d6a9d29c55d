-- Grain: city, day
select
  city,
  count(*) as sales,
  cast(sum(amount) as decimal(18, 2)) as amount,
  cast(_batch as date) as day
from sold
group by city, _batch
