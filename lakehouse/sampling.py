"""What the generators of sample files share: checked arguments, random numbers of one call, files that appear whole.

A call is identified by its seed and its moment, so files of different moments hold different rows although their seed
is the same, and the same call gives the same bytes again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from faker import Faker

AT = datetime(2026, 1, 1, tzinfo=UTC)
"""Moment of a sample for which none is asked."""
MAX_ROWS = 1_000_000_000
TOLD_EVERY_ROWS = 10_000


@dataclass(frozen=True)
class Sample:
    """The arguments of a generator: rows a file, seed, share of bad rows from 0 to 1, moment at which files are made.

    Raises:
        ValueError: one of them is out of range, or the moment has no zone.
    """

    rows: int
    seed: int
    dirty: float
    at: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= MAX_ROWS:
            raise ValueError(f"rows is {self.rows}: expected 1 to {MAX_ROWS:,}")
        if not 0 <= self.dirty <= 1:
            raise ValueError(f"dirty is {self.dirty}: expected a share from 0 to 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: expected 0 or more")
        if self.at.tzinfo is None:
            raise ValueError(f"at is {self.at}: expected a moment with its zone")

    @property
    def moment(self) -> datetime:
        """`at` in UTC, to the second."""
        return self.at.astimezone(UTC).replace(microsecond=0)

    @property
    def stamp(self) -> str:
        """`at` as it stands in a file's name: `20261121T000500Z`."""
        return f"{self.moment:%Y%m%dT%H%M%SZ}"

    def faker(self) -> Faker:
        """Made-up values of this call."""
        fake = Faker("en_US")
        fake.seed_instance(f"{self.seed} {self.stamp}")
        return fake

    def spoiled(self, rows: Iterable[str], faults: Callable[[int, str], list[str]]) -> Iterable[str]:
        """The rows, about the share `dirty` of them with one of the faults; the others as they would be without.

        Args:
            faults: row number, counted from 0, and row → the same row with one fault, once for each kind of fault.
        """
        draws = Random(f"dirty {self.seed} {self.stamp}")
        for number, row in enumerate(rows):
            yield draws.choice(faults(number, row)) if draws.random() < self.dirty else row


def write_rows(
    path: Path,
    rows: Iterable[str],
    progress: Callable[[int], None],
    head: str = "",
    between: str = "\n",
    tail: str = "\n",
) -> Path:
    """Write rows as UTF-8 to `path`, whole or not at all, making its folder; tell progress how many more are written.

    The file is `head`, the rows with `between` from one to the next, `tail`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, untold = path.with_name(path.name + ".part"), 0
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(head)
        for number, row in enumerate(rows):
            file.write(between + row if number else row)
            untold += 1
            if untold == TOLD_EVERY_ROWS:
                progress(untold)
                untold = 0
        file.write(tail)
    if untold:
        progress(untold)
    part.replace(path)
    return path
