-- Every transaction, with the parts of its time that analysis asks for.
-- Grain:  transaction_id
-- Inputs: transactions (current silver rows with `_batch`, the day of their file)
-- Units:  USD to the cent; timestamps and their parts in UTC; Monday is day 0 of the week
-- `date` is the day of the file, not of the timestamp: a correction of a day's files stays in that day's partition.
select
  transaction_id,
  transactions.timestamp,
  customer_id,
  product_id,
  product_name,
  category,
  quantity,
  price,
  total_amount,
  cast(year(transactions.timestamp) as int) as year,
  cast(month(transactions.timestamp) as int) as month,
  cast(day(transactions.timestamp) as int) as day,
  cast(hour(transactions.timestamp) as int) as hour,
  weekday(transactions.timestamp) as day_of_week,
  cast(_batch as date) as date
from transactions
