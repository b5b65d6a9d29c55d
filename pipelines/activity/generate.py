"""Sample input of the activity pipeline: users, events and orders as NDJSON, the same bytes for the same arguments.

Numbers come from PCG64's raw 64-bit output, which NumPy keeps stable between releases, and every block of a dataset
has a stream of its own. Text is built a column at a time by Arrow: three files of a million rows take a few seconds.
"""

import json
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]

AT = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK_ROWS = 100_000
SIGNUP_DAYS = ("2022-01-01", "2025-01-01")
ACTIVITY_DAYS = ("2025-01-01", "2026-01-01")
COUNTRIES = ("IN", "US", "EU", "AU")
DEVICES = ("mobile", "PC", "tablet")
SOURCES = ("google_ads", "instagram_reels", "youtube")
EVENT_TYPES = ("product_view", "product_purchase")
PAYMENT_STATUSES = ("success", "failed", "in_progress")
AMOUNT_CENTS = (10_00, 30_000_00)

CLOCK = pa.array([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400)])
CENTS = pa.array([f"{cent:02}" for cent in range(100)])


class Draws:
    """The random numbers of one block of one dataset."""

    def __init__(self, seed: int, dataset: int, block: int, rows: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, dataset, block]))
        self.rows = rows

    def below(self, limit: int) -> Numbers:
        """`rows` integers, uniform in [0, limit); limit < 2**32 (multiply-shift, bias under 2**-32 * limit)."""
        high = self._bits.random_raw(self.rows) >> np.uint64(32)
        return ((high * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)

    def one_of(self, words: tuple[str, ...]) -> pa.StringArray:
        """`rows` words, each equally likely."""
        return pa.array(words).take(pa.array(self.below(len(words))))

    def moment(self, days: tuple[str, str]) -> pa.StringArray:
        """`rows` UTC moments `2025-03-14T09:26:53Z`, from the first day's midnight to before the last's."""
        calendar = np.arange(np.datetime64(days[0]), np.datetime64(days[1])).astype(str).tolist()
        day = pa.array(calendar).take(pa.array(self.below(len(calendar))))
        return pc.binary_join_element_wise(day, "T", CLOCK.take(pa.array(self.below(86_400))), "Z", "")


def generate(
    folder: Path,
    rows: int,
    seed: int,
    progress: Callable[[int], None] = lambda rows: None,
    dirty: float = 0.0,
    at: datetime = AT,
    datasets: Collection[str] = ("users", "events", "orders"),
) -> dict[str, Path]:
    """Write `users.json`, `events.json` and `orders.json` into `folder`, each of `rows` lines; or some of them.

    Sign-ups, events and orders are of fixed years: `at` changes no byte.
    `progress` is told how many more rows are written, `rows` a file. `dirty` is the share of lines, 0 to 1,
    that break the contract in one way or another, to show what quarantine does with them. Files appear whole or not
    at all. Returns dataset name → path.

    Raises:
        ValueError: rows, seed or share out of range.
    """
    if not 1 <= rows <= 1_000_000_000:
        raise ValueError(f"rows is {rows}: expected 1 to 1,000,000,000")
    if not 0 <= dirty <= 1:
        raise ValueError(f"dirty is {dirty}: expected a share from 0 to 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}: expected 0 or more")
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for index, (dataset, lines_of) in enumerate({"users": _users, "events": _events, "orders": _orders}.items()):
        if dataset not in datasets:
            continue
        path = folder / f"{dataset}.json"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            for block, first in enumerate(range(0, rows, BLOCK_ROWS)):
                draws = Draws(seed, index, block, min(BLOCK_ROWS, rows - first))
                lines = lines_of(draws, np.arange(first, first + draws.rows), rows)
                _write(file, lines, _dirty_places(draws, dirty))
                progress(draws.rows)
        part.replace(path)
        made[dataset] = path
    return made


def _users(draws: Draws, number: Numbers, rows: int) -> pa.StringArray:
    return _ndjson(
        {
            "user_id": _text("u_", number),
            "signup_date": _text(draws.moment(SIGNUP_DAYS)),
            "country": _text(draws.one_of(COUNTRIES)),
            "device_type": _text(draws.one_of(DEVICES)),
            "marketing_source": _text(draws.one_of(SOURCES)),
        }
    )


def _events(draws: Draws, number: Numbers, rows: int) -> pa.StringArray:
    return _ndjson(
        {
            "event_id": _text("e_", number),
            "user_id": _text("u_", _active_user(draws, rows)),
            "event_type": _text(draws.one_of(EVENT_TYPES)),
            "product_id": _text("p_", 1 + draws.below(max(1, rows // 20))),
            "event_timestamp": _text(draws.moment(ACTIVITY_DAYS)),
            "session_id": _text("s_", 1 + draws.below(max(1, rows // 2))),
            "device_type": _text(draws.one_of(DEVICES)),
        }
    )


def _orders(draws: Draws, number: Numbers, rows: int) -> pa.StringArray:
    low, high = AMOUNT_CENTS
    cents = low + draws.below(high - low + 1)
    amount = pc.binary_join_element_wise(
        pa.array(cents // 100).cast(pa.string()), CENTS.take(pa.array(cents % 100)), "."
    )
    return _ndjson(
        {
            "order_id": _text("o_", number),
            "user_id": _text("u_", _active_user(draws, rows)),
            "product_id": _text("p_", 1 + draws.below(max(1, rows // 20))),
            "order_amount": (amount,),
            "currency": ('"USD"',),
            "order_timestamp": _text(draws.moment(ACTIVITY_DAYS)),
            "payment_status": _text(draws.one_of(PAYMENT_STATUSES)),
        }
    )


def _active_user(draws: Draws, rows: int) -> Numbers:
    """Numbers of the users who do anything: u_1 up to a fifth of all (200,000 of a million)."""
    return np.minimum(1 + draws.below(max(1, rows // 5)), rows - 1)


def _text(*pieces: "str | Numbers | pa.StringArray") -> tuple["str | pa.StringArray", ...]:
    """A JSON string made of constants, numbers and columns. None of ours needs escaping."""
    plain = (pa.array(piece).cast(pa.string()) if isinstance(piece, np.ndarray) else piece for piece in pieces)
    return ('"', *plain, '"')


def _ndjson(columns: dict[str, tuple["str | pa.StringArray", ...]]) -> pa.StringArray:
    """One JSON object a row, each with its line end."""
    parts: list[str | pa.StringArray] = []
    for position, (name, pieces) in enumerate(columns.items()):
        parts += [f'{", " if position else "{"}"{name}": ', *pieces]
    return pc.binary_join_element_wise(*_merged([*parts, "}\n"]), "")


def _merged(parts: "list[str | pa.StringArray]") -> "Iterator[str | pa.StringArray]":
    """Neighbouring constants as one: half the work for the join."""
    constant = ""
    for part in parts:
        if isinstance(part, str):
            constant += part
            continue
        if constant:
            yield constant
        constant = ""
        yield part
    yield constant


def _dirty_places(draws: Draws, share: float) -> Numbers:
    return np.flatnonzero(draws.below(1_000_000) < round(share * 1_000_000)) if share else np.empty(0, np.int64)


def _write(file: BinaryIO, lines: pa.StringArray, dirty: Numbers) -> None:
    """Write the lines, those at the `dirty` places broken."""
    start = 0
    for place in dirty.tolist():
        file.write(_bytes(lines.slice(start, place - start)))
        previous = lines[place - 1].as_py() if place else None
        file.write(_broken(lines[place].as_py(), previous, place).encode())
        start = place + 1
    file.write(_bytes(lines.slice(start)))


def _bytes(lines: pa.StringArray) -> memoryview:
    """The text of a column of lines as it lies in memory: the lines, one after another."""
    offsets, data = lines.buffers()[1:]
    first, last = np.frombuffer(offsets, np.int32, len(lines) + 1, lines.offset * 4)[[0, -1]]
    return memoryview(data)[first:last]


def _broken(line: str, previous: str | None, choice: int) -> str:
    """One line with one fault, or a second copy of the line before it (which is no fault: it counts as duplicate)."""
    row = json.loads(line)
    identity, last = next(iter(row)), list(row)[-1]
    faults: list[str] = [
        line[: len(line) // 2] + "\n",
        line[:-1] + " trailing\n",
        json.dumps({name: value for name, value in row.items() if name != last}) + "\n",
        json.dumps(row | {last: "unheard-of"}) + "\n",
        json.dumps(row | {identity: 7}) + "\n",
        json.dumps(row | {"surprise": True}) + "\n",
        json.dumps(row | {last: None}) + "\n",
        previous or "[]\n",
    ]
    return faults[choice % len(faults)]
