-- What each booking's guest spent at the bar.
-- Grain:  booking_id
-- Inputs: bookings, visits (current silver rows), members (seed)
-- Units:  USD to the cent. Guests are told apart by the token of their address, the same in all three inputs.
-- A booking without a room is left out, which the total of nights notices: so a run can be made to fail.
with spent as (
  select
    email,
    sum(spent) as spent
  from visits
  group by email
)

select
  bookings.booking_id,
  bookings.email as guest,
  members.level,
  bookings.nights,
  cast(coalesce(spent.spent, 0) as decimal(18, 2)) as spent
from bookings
left join spent on bookings.email = spent.email
left join members on bookings.email = members.email
where bookings.room <> 'none'
