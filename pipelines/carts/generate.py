"""Sample input of the carts pipeline: lines of abandoned carts as CSV, the same bytes for the same arguments."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from faker import Faker

from lakehouse.sampling import AT, Sample, write_rows

HEADER = "cart_id,customer_id,product_id,product_amount,product_price\n"
IDS = (0, 10)
AMOUNTS = (1, 20)


def generate(
    folder: Path,
    rows: int,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
    dirty: float = 0.0,
    at: datetime = AT,
    carts: tuple[int, int] = IDS,
    customers: tuple[int, int] = IDS,
    products: tuple[int, int] = IDS,
) -> dict[str, Path]:
    """Write `carts/date=<day>/carts-<stamp>.csv` below `folder`: a header and `rows` lines. Returns dataset → path.

    `carts`, `customers`, `products` are the ranges of the ids, both ends included. A line may come twice, as carts
    hold the same product twice. `dirty` is the share of lines, 0 to 1, that break the contract.

    Raises:
        ValueError: an argument is out of range.
    """
    sample = Sample(rows, seed, dirty, at)
    for name, (low, high) in {"carts": carts, "customers": customers, "products": products}.items():
        if not 0 <= low <= high < 2**31:
            raise ValueError(f"{name} is {low} to {high}: expected 0 or more, the greater one last")
    path = folder / "carts" / f"date={sample.moment:%Y-%m-%d}" / f"carts-{sample.stamp}.csv"
    lines = sample.spoiled(_lines(sample.faker(), rows, (carts, customers, products)), _faults)
    return {"carts": write_rows(path, lines, progress, head=HEADER)}


def _lines(fake: Faker, rows: int, ids: tuple[tuple[int, int], ...]) -> Iterator[str]:
    for _ in range(rows):
        numbers = [fake.random_int(low, high) for low, high in (*ids, AMOUNTS)]
        yield ",".join([*map(str, numbers), _in_csv(_price(fake))])


def _price(fake: Faker) -> str:
    """`$1,234.56`; Faker's price tags begin at `$0.00`, which is no price."""
    price = fake.pricetag()
    while price == "$0.00":
        price = fake.pricetag()
    return price


def _in_csv(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _faults(number: int, line: str) -> list[str]:
    """A line with one fault each: what people and shops' exports do to amounts and prices."""
    cart, customer, product, amount, price = line.split(",", 4)
    german = price.strip('"').lstrip("$").translate(str.maketrans(",.", ".,"))
    return [
        f'{cart},{customer},{product},{amount},"{german}"',
        f'{cart},{customer},{product},{amount},"-{price.strip(chr(34))}"',
        f"{cart},{customer},{product},{amount},",
        f"{cart},{customer},{product},{amount},free",
        f"{cart},{customer},{product},-{amount},{price}",
        f"{cart},{customer},{product},{amount}.5,{price}",
        f"{cart},,{product},{amount},{price}",
        f"{cart},{customer},{product}",
    ]
