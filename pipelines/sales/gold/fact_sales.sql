-- Every sale with what is known of its product and its customer, its total and the class of that.
-- Grain:  transaction_id
-- Inputs: transactions (current silver rows), dim_products, dim_customers, transaction_classes (seeds)
-- Units:  USD to the cent. price is what was paid a piece, not the list price of dim_products
-- Inner joins lose no row: the gate accepts only sales whose product and customer the seeds hold.
with totals as (
  select
    transaction_id,
    customer_id,
    product_id,
    quantity,
    price,
    cast(quantity * price as decimal(18, 2)) as total_amount,
    transaction_date,
    payment_type,
    status
  from transactions
)

select
  totals.transaction_id,
  totals.customer_id,
  dim_customers.email as customer_email,
  totals.product_id,
  dim_products.product_name,
  dim_products.category,
  dim_products.supplier_id,
  totals.quantity,
  totals.price,
  totals.total_amount,
  transaction_classes.transaction_class,
  totals.transaction_date,
  totals.payment_type,
  totals.status
from totals
inner join dim_products on totals.product_id = dim_products.product_id
inner join dim_customers on totals.customer_id = dim_customers.customer_id
inner join transaction_classes
  on (transaction_classes.above is null or totals.total_amount > transaction_classes.above)
  and (transaction_classes.up_to is null or totals.total_amount <= transaction_classes.up_to)
