-- Grain: sale_id
select
  sale_id,
  city,
  amount,
  cast(_batch as date) as day
from sold
