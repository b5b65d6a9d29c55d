-- Grain: city
select
  city,
  cast(sum(pieces) as bigint) as pieces
from items
group by city
