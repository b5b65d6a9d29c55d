"""(d) DuckDB alone, straight over the JSON: the right answer without checks, history or publishing.

python -m bench.plain_duckdb FOLDER OUTPUT.parquet
"""

import sys
from pathlib import Path

import duckdb

SQL = """
copy (
    with event as (
        select user_id, count(*) as total_events,
               count(*) filter (event_type = 'product_purchase') as total_purchase_events,
               count(distinct session_id) as total_sessions,
               min(event_timestamp) as first_event_at, max(event_timestamp) as last_event_at
        from read_json('{folder}/events.json', format = 'newline_delimited', columns = {{
            user_id: 'varchar', event_type: 'varchar', session_id: 'varchar', event_timestamp: 'timestamp'}})
        group by user_id
    ), paid as (
        select user_id, count(*) as total_orders, count(*) filter (payment_status = 'success') as paid_orders,
               sum(order_amount) as order_amount_total,
               sum(order_amount) filter (payment_status = 'success') as revenue, max(order_timestamp) as last_order_at
        from read_json('{folder}/orders.json', format = 'newline_delimited', columns = {{
            user_id: 'varchar', order_amount: 'decimal(12,2)', payment_status: 'varchar',
            order_timestamp: 'timestamp'}})
        group by user_id
    )
    select users.*, event.* exclude (user_id), paid.* exclude (user_id)
    from read_json('{folder}/users.json', format = 'newline_delimited', columns = {{
        user_id: 'varchar', country: 'varchar', device_type: 'varchar', marketing_source: 'varchar',
        signup_date: 'timestamp'}}) as users
    left join event using (user_id)
    left join paid using (user_id)
) to '{output}' (format parquet)
"""


def main(folder: Path, output: Path) -> None:
    """One row per user from users.json, events.json and orders.json of `folder`."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(SQL.format(folder=folder, output=output))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
