"""What gold must be, computed once more and in another way: from the bronze files, without any code of the lake.

It shares no code with `lakehouse` and no SQL with `gold/`, so that a fault in either shows.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb

BEST = 50
OFFERS = 10


def recompute(files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    """Gold table → the rows that it must have, in no order.

    Args:
        files: for `carts` the CSV files in force, without refused lines. Every line counts, repeated ones too.
    """
    amounts: Counter[int] = Counter()
    values: defaultdict[int, Decimal] = defaultdict(Decimal)
    of_customers: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for path in files.get("carts", ()):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                product, amount = int(row["product_id"]), int(row["product_amount"])
                amounts[product] += amount
                values[product] += amount * _price(row["product_price"])
                of_customers[int(row["customer_id"])][product] += amount
    products = [(product, amount, values[product]) for product, amount in _most(amounts)[:BEST]]
    offers = [
        (customer, product, amount, place)
        for customer, left in of_customers.items()
        for place, (product, amount) in enumerate(_most(left)[:OFFERS], start=1)
    ]
    return {
        "abandoned_products": _relation(
            "product_id integer, abandoned_amount bigint, abandoned_value decimal(18, 2)", products
        ),
        "promotions": _relation(
            "customer_id integer, product_id integer, abandoned_amount bigint, rank integer", offers
        ),
    }


def _price(text: str) -> Decimal:
    """`$1,234.56`"""
    return Decimal(text.replace("$", "").replace(",", ""))


def _most(amounts: Mapping[int, int]) -> list[tuple[int, int]]:
    """Products with their amounts, the greatest first, of equal ones the smaller product."""
    return sorted(amounts.items(), key=lambda one: (-one[1], one[0]))


def _relation(columns: str, rows: Sequence[tuple[object, ...]]) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.execute(f"create table expected ({columns})")
    if rows:
        places = ", ".join("?" for _ in rows[0])
        connection.executemany(f"insert into expected values ({places})", rows)
    return connection.table("expected")
