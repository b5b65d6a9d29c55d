-- What each user did: one row per user, every user present, with or without events and orders.
-- Grain:  user_id
-- Inputs: users, events, orders (current silver rows)
-- Units:  amounts in USD to the cent; timestamps in UTC
-- Events and orders are summed per user before they meet, so that an order is never counted once per event.
-- Events and orders of people who never signed up are not in this table: it is about users.
with sessions_of_users as (
  -- One row per user and session, so that a session counts once however many events it has.
  select
    user_id,
    session_id,
    count(*) as events,
    count_if(event_type = 'product_purchase') as purchase_events,
    min(event_timestamp) as first_event_at,
    max(event_timestamp) as last_event_at
  from events
  group by user_id, session_id
),

events_of_users as (
  select
    user_id,
    sum(events) as total_events,
    sum(purchase_events) as total_purchase_events,
    count(*) as total_sessions,
    min(first_event_at) as first_event_at,
    max(last_event_at) as last_event_at
  from sessions_of_users
  group by user_id
),

orders_of_users as (
  select
    user_id,
    count(*) as total_orders,
    count_if(payment_status = 'success') as paid_orders,
    sum(order_amount) as order_amount_total,
    sum(case when payment_status = 'success' then order_amount else 0 end) as revenue,
    max(order_timestamp) as last_order_at
  from orders
  group by user_id
)

select
  users.user_id,
  users.country,
  users.device_type,
  users.marketing_source,
  users.signup_date,
  cast(coalesce(events_of_users.total_events, 0) as bigint) as total_events,
  cast(coalesce(events_of_users.total_purchase_events, 0) as bigint) as total_purchase_events,
  cast(coalesce(events_of_users.total_sessions, 0) as bigint) as total_sessions,
  events_of_users.first_event_at,
  events_of_users.last_event_at,
  cast(coalesce(orders_of_users.total_orders, 0) as bigint) as total_orders,
  cast(coalesce(orders_of_users.paid_orders, 0) as bigint) as paid_orders,
  cast(coalesce(orders_of_users.order_amount_total, 0) as decimal(18, 2)) as order_amount_total,
  cast(coalesce(orders_of_users.revenue, 0) as decimal(18, 2)) as revenue,
  orders_of_users.last_order_at
from users
left join events_of_users on users.user_id = events_of_users.user_id
left join orders_of_users on users.user_id = orders_of_users.user_id
