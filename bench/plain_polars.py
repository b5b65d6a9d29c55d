"""(e) Polars alone, straight over the JSON: the right answer without checks, history or publishing.

python -m bench.plain_polars FOLDER OUTPUT.parquet
"""

import sys
from pathlib import Path

import polars as pl


def main(folder: Path, output: Path) -> None:
    """One row per user from users.json, events.json and orders.json of `folder`."""
    amount = pl.col("order_amount").cast(pl.Decimal(12, 2))
    paid = pl.col("payment_status") == "success"
    events = (
        pl.scan_ndjson(folder / "events.json")
        .group_by("user_id")
        .agg(
            total_events=pl.len(),
            total_purchase_events=(pl.col("event_type") == "product_purchase").sum(),
            total_sessions=pl.col("session_id").n_unique(),
            first_event_at=pl.col("event_timestamp").min(),
            last_event_at=pl.col("event_timestamp").max(),
        )
    )
    orders = (
        pl.scan_ndjson(folder / "orders.json")
        .group_by("user_id")
        .agg(
            total_orders=pl.len(),
            paid_orders=paid.sum(),
            order_amount_total=amount.sum(),
            revenue=amount.filter(paid).sum(),
            last_order_at=pl.col("order_timestamp").max(),
        )
    )
    users = pl.scan_ndjson(folder / "users.json")
    users.join(events, on="user_id", how="left").join(orders, on="user_id", how="left").collect().write_parquet(output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
