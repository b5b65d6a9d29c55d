-- What to offer each customer: the 10 products of which this customer left most pieces in carts.
-- Grain:  customer_id, product_id
-- Inputs: carts (current silver rows; every line counts)
-- Units:  amounts in pieces; rank 1 is the best offer
-- Of products with the same amount the smaller product_id ranks higher, so that no two share a rank.
with products_of_customers as (
  select
    customer_id,
    product_id,
    sum(product_amount) as abandoned_amount
  from carts
  group by customer_id, product_id
),

ranked as (
  select
    customer_id,
    product_id,
    abandoned_amount,
    row_number() over (partition by customer_id order by abandoned_amount desc, product_id) as place
  from products_of_customers
)

select
  customer_id,
  product_id,
  cast(abandoned_amount as bigint) as abandoned_amount,
  cast(place as int) as rank
from ranked
where place <= 10
order by customer_id, rank
