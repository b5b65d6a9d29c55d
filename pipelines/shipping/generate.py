"""Sample input of the shipping pipeline: shipments as NDJSON, the same bytes for the same arguments."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from faker import Faker

from lakehouse.sampling import AT, Sample, write_rows

CITIES = (
    "serverless_island",
    "island_city",
    "machine_learning_island",
    "architect_city",
    "data_analytic_hanger",
    "main_city",
)
COSTS = (1000, 10000)
DISTANCES = (10, 100)
QUANTITIES = (1000, 10000)
PRODUCTS = (1, 100)
DAYS_BACK = 30
NUMBERED_FROM = datetime(2000, 1, 1, tzinfo=UTC)
GREATEST_ID = 2**31 - 1


def generate(
    folder: Path,
    rows: int,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
    dirty: float = 0.0,
    at: datetime = AT,
) -> dict[str, Path]:
    """Write `shipments/shipments-<stamp>.json` below `folder`: `rows` shipments of the 30 days that end at `at`.

    Ids count on from the second of `at`, so that hourly files of up to 3,600 shipments never share one. `dirty` is the
    share of shipments, 0 to 1, that break the contract.

    Raises:
        ValueError: an argument is out of range.
    """
    sample = Sample(rows, seed, dirty, at)
    first_id = int((sample.moment - NUMBERED_FROM).total_seconds())
    if not 0 <= first_id <= GREATEST_ID - rows:
        raise ValueError(f"at is {at}: expected 2000 to 2068, as ids count its seconds and are 32 bits wide")
    lines = sample.spoiled(_lines(sample.faker(), rows, sample.moment, first_id), _faults)
    return {"shipments": write_rows(folder / "shipments" / f"shipments-{sample.stamp}.json", lines, progress)}


def _lines(fake: Faker, rows: int, at: datetime, first_id: int) -> Iterator[str]:
    for number in range(rows):
        row = {
            "shipping_id": first_id + number,
            "shipping_date": f"{at - timedelta(days=fake.random_int(0, DAYS_BACK)):%Y/%m/%d}",
            "customer_name": fake.name(),
            "street_address": fake.street_address(),
            "destination_city": fake.random_element(CITIES),
            "shipping_cost": fake.random_int(*COSTS),
            "shipping_distance": fake.random_int(*DISTANCES),
            "quantity": fake.random_int(*QUANTITIES),
            "product_id": fake.random_int(*PRODUCTS),
        }
        yield json.dumps(row)


def _faults(number: int, line: str) -> list[str]:
    """A shipment with one fault each: impossible days, cities nobody knows, numbers as text or out of range."""
    row: dict[str, Any] = json.loads(line)
    broken: list[dict[str, Any]] = [
        row | {"shipping_date": "2024/13/01"},
        row | {"shipping_date": row["shipping_date"].replace("/", "-")},
        row | {"destination_city": "atlantis"},
        row | {"destination_city": row["destination_city"].replace("_", " ")},
        row | {"shipping_cost": str(row["shipping_cost"])},
        row | {"shipping_cost": 0},
        row | {"shipping_distance": row["shipping_distance"] + 0.5},
        row | {"quantity": None},
    ]
    return [json.dumps(one) for one in broken]
