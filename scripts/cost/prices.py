"""docs/prices.toml as values."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PRICES_FILE = Path(__file__).resolve().parents[2] / "docs" / "prices.toml"


@dataclass(frozen=True)
class Price:
    """One line of the table."""

    usd: float
    per: float
    unit: str
    what: str
    address: str
    seen: str

    def of(self, quantity: float) -> float:
        """What so many units cost, USD."""
        return quantity * self.usd / self.per


@dataclass(frozen=True)
class Prices:
    """The whole table."""

    written: str
    region: str
    by_name: Mapping[str, Price]


def read_prices(path: Path = PRICES_FILE) -> Prices:
    """Read the table.

    Raises:
        TypeError: a line lacks a field or has another.
    """
    raw = tomllib.loads(path.read_text())
    prices = {name: Price(**one) for name, one in raw.items() if isinstance(one, dict)}
    return Prices(raw["written"], raw["region"], prices)
