-- To how many customers each product is offered, and how often as the best offer.
-- Grain: product_id. Units: customers, pieces.
select
  product_id,
  count(*) as customers,
  count_if(rank = 1) as best_offers,
  sum(abandoned_amount) as abandoned_amount
from promotions
group by product_id
order by customers desc, best_offers desc, product_id
