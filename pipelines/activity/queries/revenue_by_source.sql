-- What each marketing source brought: users, how many of them ever paid, and revenue.
-- Grain: marketing_source. Units: USD, paid orders only.
select
  marketing_source,
  count(*) as users,
  count_if(paid_orders > 0) as paying_users,
  sum(revenue) as revenue
from user_activity
group by marketing_source
order by revenue desc, marketing_source
