"""What gold must be, computed once more and in another way: from the bronze files, without any code of the lake.

It shares no code with `lakehouse` and no SQL with `gold/`, so that a fault in either shows.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

SEEDS = Path(__file__).parent / "seeds"
SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("customer_id", pa.string()),
        ("customer_email", pa.string()),
        ("product_id", pa.string()),
        ("product_name", pa.string()),
        ("category", pa.string()),
        ("supplier_id", pa.string()),
        ("quantity", pa.int32()),
        ("price", pa.decimal128(12, 2)),
        ("total_amount", pa.decimal128(18, 2)),
        ("transaction_class", pa.string()),
        ("transaction_date", pa.date32()),
        ("payment_type", pa.string()),
        ("status", pa.string()),
    ]
)


def recompute(files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    """Gold table → the rows that it must have, in no order.

    Args:
        files: for `transactions` the CSV files in force, without refused rows, in ascending order of (batch, object
            key): of rows with the same id the last file's counts.

    Raises:
        KeyError: a sale of a customer or product that the seeds do not hold; the gate must have refused it.
    """
    products = {row["product_id"]: row for row in _csv(SEEDS / "dim_products.csv")}
    customers = {row["customer_id"]: row for row in _csv(SEEDS / "dim_customers.csv")}
    classes = _csv(SEEDS / "transaction_classes.csv")
    current: dict[str, dict[str, Any]] = {}
    for path in files.get("transactions", ()):
        for row in _csv(path):
            product, customer = products[row["product_id"]], customers[row["customer_id"]]
            quantity, price = int(row["quantity"]), Decimal(row["price"]).quantize(Decimal("0.01"))
            current[row["transaction_id"]] = {
                **row,
                **{name: product[name] for name in ("product_name", "category", "supplier_id")},
                "customer_email": customer["email"],
                "quantity": quantity,
                "price": price,
                "total_amount": quantity * price,
                "transaction_class": _class_of(quantity * price, classes),
                "transaction_date": date.fromisoformat(row["transaction_date"]),
            }
    rows = [{name: row[name] for name in SCHEMA.names} for row in current.values()]
    return {"fact_sales": duckdb.connect().from_arrow(pa.Table.from_pylist(rows, SCHEMA))}


def _class_of(total: Decimal, classes: Sequence[Mapping[str, str]]) -> str:
    (found,) = (
        one["transaction_class"]
        for one in classes
        if total > Decimal(one["above"] or "-Infinity") and total <= Decimal(one["up_to"] or "Infinity")
    )
    return found


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
