-- Grain: day
select
  cast(sum(pieces) as bigint) as pieces,
  cast(_batch as date) as day
from items
group by _batch
