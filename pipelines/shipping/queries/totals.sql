-- What all shipments cost, how far they went and how much fuel they took: overall, then by city.
-- Grain: city; the first row, 'overall', stands for all of them. Units: USD, km, litres.
select
  if(grouping(destination_city) = 1, 'overall', destination_city) as city,
  coalesce(sum(shipping_cost), 0) as total_cost,
  coalesce(sum(shipping_distance), 0) as total_distance,
  coalesce(sum(quantity), 0) as total_fuel,
  count(*) as shipments
from shipments
group by grouping sets ((), (destination_city))
order by grouping(destination_city) desc, destination_city
