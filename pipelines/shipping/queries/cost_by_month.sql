-- Shipments, cost and cost a kilometre by month of dispatch.
-- Grain: month (its first day). Units: USD, km; cost a kilometre is rounded to the cent, half up.
select
  date_trunc('month', shipping_date) as month,
  count(*) as shipments,
  sum(shipping_cost) as total_cost,
  sum(shipping_distance) as total_distance,
  cast(sum(shipping_cost) / sum(shipping_distance) as decimal(12, 2)) as cost_per_km
from shipments
group by date_trunc('month', shipping_date)
order by month
