-- Shipments as silver has them: the gate has dropped what names a person or a home.
-- Grain:  shipping_id
-- Inputs: shipments (current silver rows)
-- Units:  cost in USD to the cent, distance in km, quantity in litres of fuel
select
  shipping_id,
  shipping_date,
  destination_city,
  shipping_cost,
  shipping_distance,
  quantity,
  product_id
from shipments
