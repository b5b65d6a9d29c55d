"""What a run costs: quantities times prices, with the minimums that AWS bills. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.cost.prices import Prices

MB_PER_GB = 1024
FREE_STORAGE_MB = 512
GLUE_LEAST_SECONDS, CRAWL_LEAST_SECONDS, REDSHIFT_LEAST_SECONDS = 60, 600, 60
ATHENA_LEAST_BYTES, BYTES_PER_TB = 10 * 1024**2, 1024**4
"""Minimums: the pages that docs/prices.toml names."""


@dataclass(frozen=True)
class Calls:
    """Invocations of one function."""

    who: str
    invocations: float
    seconds: float
    """Of all together."""
    memory_mb: int
    storage_mb: int = FREE_STORAGE_MB


@dataclass(frozen=True)
class Run:
    """What one run uses."""

    counts: Mapping[str, float] = field(default_factory=dict)
    """Quantities by the name of their price."""
    functions: tuple[Calls, ...] = ()
    glue_dpus: float = 0
    glue_seconds: float = 0
    crawl_seconds: tuple[float, ...] = ()
    """Of each crawl."""
    crawler_dpus: float = 2
    query_bytes: tuple[float, ...] = ()
    """Scanned by each Athena query."""
    redshift_rpus: float = 0
    redshift_seconds: float = 0


@dataclass(frozen=True)
class Line:
    """One position of a bill."""

    price: str
    quantity: float
    usd: float


def quantities_of(run: Run) -> dict[str, float]:
    """What AWS bills for a run, by the name of the price: with its minimums, in its units."""
    billed = defaultdict(float, run.counts)
    for one in run.functions:
        billed["lambda_request"] += one.invocations
        billed["lambda_gb_second"] += one.seconds * one.memory_mb / MB_PER_GB
        billed["lambda_storage_gb_second"] += one.seconds * max(0, one.storage_mb - FREE_STORAGE_MB) / MB_PER_GB
    if run.glue_seconds:
        billed["glue_dpu_hour"] += run.glue_dpus * max(GLUE_LEAST_SECONDS, run.glue_seconds) / 3600
    for seconds in run.crawl_seconds:
        billed["crawler_dpu_hour"] += run.crawler_dpus * max(CRAWL_LEAST_SECONDS, seconds) / 3600
    for scanned in run.query_bytes:
        billed["athena_tb"] += max(ATHENA_LEAST_BYTES, scanned) / BYTES_PER_TB
    if run.redshift_seconds:
        billed["redshift_rpu_hour"] += run.redshift_rpus * max(REDSHIFT_LEAST_SECONDS, run.redshift_seconds) / 3600
    return {name: amount for name, amount in billed.items() if amount}


def cost_of(run: Run, prices: Prices) -> tuple[Line, ...]:
    """The bill of a run, the dearest position first.

    Raises:
        KeyError: something has no price.
    """
    found = quantities_of(run)
    lines = [Line(name, amount, prices.by_name[name].of(amount)) for name, amount in found.items()]
    return tuple(sorted(lines, key=lambda line: (-line.usd, line.price)))


def total_usd(lines: tuple[Line, ...]) -> float:
    """The sum of a bill."""
    return sum(line.usd for line in lines)
