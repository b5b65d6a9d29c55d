"""Sample input of the transactions pipeline: one JSON document of sales, the same bytes for the same arguments."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from faker import Faker

from lakehouse.sampling import AT, Sample, write_rows

CATALOGUE = (
    ("PROD-001", "Laptop", "Electronics", "999.99"),
    ("PROD-002", "Wireless Mouse", "Electronics", "29.99"),
    ("PROD-003", "USB-C Cable", "Electronics", "12.49"),
    ("PROD-004", "T-Shirt", "Clothing", "19.95"),
    ("PROD-005", "Jeans", "Clothing", "59.90"),
    ("PROD-006", "Python Book", "Books", "44.50"),
    ("PROD-007", "AWS Book", "Books", "39.75"),
)
"""Identity, name, category, price of one piece in USD."""
CUSTOMERS = 500
QUANTITIES = (1, 5)
WINDOW = timedelta(minutes=5)

Row = dict[str, str | int | Decimal | None]


def generate(
    folder: Path,
    rows: int,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
    dirty: float = 0.0,
    at: datetime = AT,
) -> dict[str, Path]:
    """Write `transactions/date=<day>/<stamp>.json` below `folder`: `rows` sales of the five minutes that end at `at`.

    One sale is an object, several are an array. All are of the day of `at`: at midnight the minutes before it, which
    are another day's, are left out. `dirty` is the share of sales, 0 to 1, that break the contract.

    Raises:
        ValueError: an argument is out of range.
    """
    sample = Sample(rows, seed, dirty, at)
    sales = sample.spoiled(_sales(sample.faker(), rows, sample.moment), _faults)
    path = folder / "transactions" / f"date={sample.moment:%Y-%m-%d}" / f"{sample.stamp}.json"
    if rows == 1:
        return {"transactions": write_rows(path, sales, progress)}
    return {"transactions": write_rows(path, sales, progress, head="[\n", between=",\n", tail="\n]\n")}


def _sales(fake: Faker, rows: int, at: datetime) -> Iterator[str]:
    """Sales in the order of their time."""
    first = max(at - WINDOW, at.replace(hour=0, minute=0, second=0))
    window_seconds = int((at - first).total_seconds())
    for second in sorted(fake.random_int(0, window_seconds) for _ in range(rows)):
        product_id, name, category, price = fake.random_element(CATALOGUE)
        quantity = fake.random_int(*QUANTITIES)
        yield _json(
            {
                "transaction_id": f"TXN-{fake.uuid4()}",
                "timestamp": f"{first + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}",
                "customer_id": f"CUST-{fake.random_int(1, CUSTOMERS):04}",
                "product_id": product_id,
                "product_name": name,
                "category": category,
                "quantity": quantity,
                "price": Decimal(price),
                "total_amount": quantity * Decimal(price),
            }
        )


def _json(row: Row) -> str:
    """One object on one line; amounts as numbers to the cent, which no float has bent."""
    values = (f'"{name}": {v if isinstance(v, Decimal) else json.dumps(v)}' for name, v in row.items())
    return "{" + ", ".join(values) + "}"


def _faults(number: int, text: str) -> list[str]:
    """A sale with one fault each: sums that do not add up, refunds as negative sales, lost and foreign values."""
    row: Row = json.loads(text, parse_float=Decimal)
    total, quantity = Decimal(str(row["total_amount"])), int(str(row["quantity"]))
    day = str(row["timestamp"])
    return [
        _json(row | {"total_amount": total + Decimal("0.01")}),
        _json(row | {"total_amount": total * 10}),
        _json(row | {"total_amount": Decimal(f"{total}0000000004")}),
        _json(row | {"quantity": -quantity, "total_amount": -total}),
        _json(row | {"quantity": 0, "total_amount": Decimal("0.00")}),
        _json(row | {"price": f"{row['price']}"}),
        _json(row | {"customer_id": None}),
        _json(row | {"timestamp": f"{day[8:10]}/{day[5:7]}/{day[:4]} {day[11:16]}"}),
    ]
