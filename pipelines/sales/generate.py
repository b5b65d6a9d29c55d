"""Sample input of the sales pipeline: one day's sales as CSV, the same bytes for the same arguments.

Customers, products and list prices are those of the seeds, so every clean row finds its dimensions.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from faker import Faker

from lakehouse.sampling import AT, Sample, write_rows

HEADER = "transaction_id,customer_id,product_id,quantity,price,transaction_date,payment_type,status\n"
QUANTITIES = (1, 10)
PAYMENT_TYPES = ("Cash on Delivery", "Credit Card", "Debit Card")
STATUSES = ("Completed", "Shipped", "Pending", "Returned")
SEEDS = Path(__file__).parent / "seeds"


def generate(
    folder: Path,
    rows: int,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
    dirty: float = 0.0,
    at: datetime = AT,
) -> dict[str, Path]:
    """Write `transactions/year=/month=/day=/transactions_<date>.csv` below `folder`: `rows` sales of the day of `at`.

    Ids begin with the day, so that days never share one. `dirty` is the share of sales, 0 to 1, that break the
    contract or name a customer or product that nobody knows.

    Raises:
        ValueError: an argument is out of range.
    """
    sample = Sample(rows, seed, dirty, at)
    day = f"{sample.moment:%Y-%m-%d}"
    year, month, of_month = day.split("-")
    below = Path("transactions", f"year={year}", f"month={month}", f"day={of_month}", f"transactions_{day}.csv")
    lines = sample.spoiled(_lines(sample.faker(), rows, day), _faults)
    return {"transactions": write_rows(folder / below, lines, progress, head=HEADER)}


def _lines(fake: Faker, rows: int, day: str) -> Iterator[str]:
    customers = [row["customer_id"] for row in _seed("dim_customers")]
    products = [(row["product_id"], row["price"]) for row in _seed("dim_products")]
    for number in range(1, rows + 1):
        product, price = fake.random_element(products)
        yield ",".join(
            (
                f"TXN{day.replace('-', '')}{number:06}",
                fake.random_element(customers),
                product,
                str(fake.random_int(*QUANTITIES)),
                price,
                day,
                fake.random_element(PAYMENT_TYPES),
                fake.random_element(STATUSES),
            )
        )


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _faults(number: int, line: str) -> list[str]:
    """A sale with one fault each: ids that nobody knows or that are no ids, amounts and days that cannot be."""
    sale, customer, product, quantity, price, day, payment, status = line.split(",")
    rest = f"{payment},{status}"
    return [
        f"{sale},C{1000 + number},{product},{quantity},{price},{day},{rest}",
        f"{sale},{customer},P{1000 + number},{quantity},{price},{day},{rest}",
        f"{sale},{customer.lower()},{product},{quantity},{price},{day},{rest}",
        f"{sale},{customer},X-{product},{quantity},{price},{day},{rest}",
        f"{sale},,{product},{quantity},{price},{day},{rest}",
        f"{sale},{customer},{product},0,{price},{day},{rest}",
        f"{sale},{customer},{product},{quantity},-{price},{day},{rest}",
        f"{sale},{customer},{product},{quantity},{price},{day.replace('-', '/')},{rest}",
        f"{sale},{customer},{product},{quantity},{price},{day},Barter,{status}",
    ]
