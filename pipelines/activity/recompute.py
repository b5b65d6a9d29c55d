"""What gold must be, computed once more and in another way: from the generated files, without any code of the lake.

The demo and the tests compare `gold.user_activity` with this, row by row. It shares no code with `lakehouse` and no
SQL with `gold/user_activity.sql`, so that a fault in either shows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

COLUMNS = {
    "users": {
        "user_id": "VARCHAR",
        "signup_date": "TIMESTAMPTZ",
        "country": "VARCHAR",
        "device_type": "VARCHAR",
        "marketing_source": "VARCHAR",
    },
    "events": {
        "event_id": "VARCHAR",
        "user_id": "VARCHAR",
        "event_type": "VARCHAR",
        "event_timestamp": "TIMESTAMPTZ",
        "session_id": "VARCHAR",
    },
    "orders": {
        "order_id": "VARCHAR",
        "user_id": "VARCHAR",
        "order_amount": "DECIMAL(12,2)",
        "order_timestamp": "TIMESTAMPTZ",
        "payment_status": "VARCHAR",
    },
}
KEYS = {"users": "user_id", "events": "event_id", "orders": "order_id"}

EXPECTED = """
select
  u.user_id, u.country, u.device_type, u.marketing_source, cast(u.signup_date as date) as signup_date,
  ifnull(e.n, 0) as total_events,
  ifnull(e.purchases, 0) as total_purchase_events,
  ifnull(e.sessions, 0) as total_sessions,
  e.first_at as first_event_at,
  e.last_at as last_event_at,
  ifnull(o.n, 0) as total_orders,
  ifnull(o.paid, 0) as paid_orders,
  cast(ifnull(o.amount, 0) as decimal(18, 2)) as order_amount_total,
  cast(ifnull(o.paid_amount, 0) as decimal(18, 2)) as revenue,
  o.last_at as last_order_at
from users_now u
left join (
  from events_now
  select user_id, count(*) n, count(*) filter (event_type = 'product_purchase') purchases,
    count(distinct session_id) sessions, min(event_timestamp) first_at, max(event_timestamp) last_at
  group by user_id
) e using (user_id)
left join (
  from orders_now
  select user_id, count(*) n, count(*) filter (payment_status = 'success') paid, sum(order_amount) amount,
    sum(order_amount) filter (payment_status = 'success') paid_amount, max(order_timestamp) last_at
  group by user_id
) o using (user_id)
"""


def recompute(files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    """Gold table → the rows that it must have, in no order. `user_activity` has 15 columns, timestamps in UTC.

    Args:
        files: for `users`, `events` and `orders` the NDJSON files in force, valid throughout, in ascending
            order of (batch, object key): of rows with the same key the last file's is current. No file: no rows.
    """
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for dataset, columns in COLUMNS.items():
        _current(connection, dataset, columns, files.get(dataset, ()))
    return {"user_activity": connection.sql(EXPECTED)}


def _current(
    connection: duckdb.DuckDBPyConnection, dataset: str, columns: Mapping[str, str], files: Sequence[Path]
) -> None:
    """Table `<dataset>_now`: the rows of all files, each key once. A repeated row inside a file is one row."""
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"create table {dataset}_now ({typed})")
    schema = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
    key = KEYS[dataset]
    for position, file in enumerate(files):
        path = str(file).replace("'", "''")
        rows = f"read_json('{path}', format = 'newline_delimited', columns = {schema})"
        if position:
            connection.execute(f"delete from {dataset}_now where {key} in (select {key} from {rows})")
        connection.execute(f"insert into {dataset}_now select distinct {', '.join(columns)} from {rows}")
