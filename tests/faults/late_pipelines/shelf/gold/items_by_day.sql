-- Grain: item_id
select
  item_id,
  pieces,
  cast(_batch as date) as day
from items
