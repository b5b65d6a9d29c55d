"""Gold and current rows computed anew in plain Python, from the rows that the tests wrote. Nothing of the product."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.faults.contents import Row

REGIONS = {"Aa": "north", "Bé": "south", "Cc": "south"}
GoldRow = tuple[object, ...]
WHOLE = {"stall": ("city_totals", "best_city")}
PARTED = {"kiosk": ("sold_by_day", "day_totals")}
DATASETS = {"stall": ("sales", "returns"), "kiosk": ("sold",)}
AFTER = {"city_totals": "best_city", "sold_by_day": "day_totals"}


@dataclass(frozen=True)
class Slot:
    """What a slot brought to silver."""

    batch: str
    key: str
    rows: tuple[Row, ...]


Silver = Mapping[str, Iterable[Slot]]
"""By dataset."""


def current(slots: Iterable[Slot]) -> list[tuple[str, Row]]:
    """Batch and row: of the rows with one key that of the greatest (batch, object key)."""
    newest: dict[str, tuple[tuple[bytes, bytes], str, Row]] = {}
    for slot in slots:
        place = (slot.batch.encode(), slot.key.encode())
        for row in slot.rows:
            if row[0] not in newest or newest[row[0]][0] < place:
                newest[row[0]] = (place, slot.batch, row)
    return [(batch, row) for _, batch, row in newest.values()]


def whole(table: str, silver: Silver) -> Counter[GoldRow]:
    """A table without partitions, as a multiset of rows."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    counts: Counter[str] = Counter()
    for _, (_, city, amount) in current(silver["sales"]):
        sums[city] += amount
        counts[city] += 1
    if table == "city_totals":
        refunds = sum((row[2] for _, row in current(silver["returns"])), Decimal(0))
        return Counter((city, REGIONS[city], counts[city], sums[city], refunds) for city in sums)
    best = sorted(sums, key=lambda city: (-sums[city], city))[:1]
    return Counter((city, sums[city]) for city in best)


def parted(table: str, silver: Silver) -> dict[str, Counter[GoldRow]]:
    """A table with partitions: rows without the partition's column by its value, partitions without rows left out."""
    found: defaultdict[str, Counter[GoldRow]] = defaultdict(Counter)
    by_day: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for batch, row in current(silver["sold"]):
        by_day[(batch, row[1])].append(row[2])
        if table == "sold_by_day":
            found[batch][row] += 1
    if table == "day_totals":
        for (batch, city), amounts in by_day.items():
            found[batch][(city, len(amounts), sum(amounts, Decimal(0)))] += 1
    return dict(found)
