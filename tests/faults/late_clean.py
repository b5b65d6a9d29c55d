"""What a lake must be in the end: as one that was given the final files alone, and as plain Python computes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from tests.faults.late_lake import LateLake, Row

Files = Mapping[tuple[str, str], Sequence[Row]]
"""Rows by day and name of the file."""


def must_be_as_clean(lake: LateLake, files: Files) -> None:
    """Silver and gold, row by row, are those of a clean lake, and what plain Python computes from the files."""
    other = clean(lake, files)
    assert in_force(lake) == in_force(other)
    assert lake.silver() == other.silver()
    assert lake.gold() == other.gold() == recomputed(files)


def clean(lake: LateLake, files: Files) -> LateLake:
    """Another lake, under the first one's present contract, to which only these files came; DuckDB makes its gold."""
    other = LateLake(lake.world.cloud, lake.folder)
    text = (lake.contracts / "shelf" / "pipeline.toml").read_text()
    (other.contracts / "shelf" / "pipeline.toml").write_text(text)
    with other.open():
        for (day, name), rows in sorted(files.items()):
            other.bring(day, name, rows, run=False)
        other.run_all()
    return other


def in_force(lake: LateLake) -> Counter[tuple[object, ...]]:
    """What each slot holds."""
    slots = [slot for state in lake.world.ledger.batches("shelf") for slot in state.slots.values()]
    return Counter((slot.dataset, slot.key, slot.rows, slot.bytes) for slot in slots)


def recomputed(files: Files) -> dict[str, Counter[tuple[object, ...]]]:
    """Gold in plain Python: of the rows with one key that of the greatest (day, name) counts."""
    current = {row["item_id"]: (day, row) for (day, _), rows in sorted(files.items()) for row in rows}
    cities: Counter[str] = Counter()
    days: Counter[str] = Counter()
    for day, row in current.values():
        cities[row["city"]] += row["pieces"]
        days[day] += row["pieces"]
    return {
        "city_pieces": Counter(cities.items()),
        "items_by_day": Counter((key, row["pieces"], date.fromisoformat(day)) for key, (day, row) in current.items()),
        "day_pieces": Counter((pieces, date.fromisoformat(day)) for day, pieces in days.items()),
    }
