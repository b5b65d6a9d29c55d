"""Batches of one pipeline that run at the same time: gold stands for all of them and never goes back."""

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest

from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.race_runs import STEPS, Bench
from tests.faults.world import Cloud, World

PIPELINES = ("stall", "kiosk")
"""Gold that moves as a whole, and gold with partitions; each with a table that follows."""
DAYS = ("2026-05-01", "2026-05-02", "2026-05-03")
SECOND = itertools.combinations(range(1, 2 * STEPS), STEPS)
"""When the second of two runs takes its steps. The first is the one that begins, whichever batch it is of."""
ORDERS = [tuple(int(step in second) for step in range(2 * STEPS)) for second in SECOND]
"""Every order of the steps of two runs."""


@pytest.fixture
def bench(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    world = World(Cloud(aws), tmp_path_factory.mktemp("race"))
    with Bench(world).at_work() as bench:
        yield bench


class Numbers:
    """Contents of files: each is another one than the file had before."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)
        self._last: dict[tuple[str, str], int] = {}

    def next(self, pipeline: str, batch: str) -> int:
        before = self._last.get((pipeline, batch))
        number = self._rng.choice([number for number in range(9) if number != before])
        self._last[pipeline, batch] = number
        return number


NUMBERS = Numbers("contents")


def corrected(bench: Bench, pipeline: str, batches: Sequence[str]) -> list[dict[str, object]]:
    """A new file for each batch; the runs that they need."""
    runs = []
    for batch in batches:
        bench.bring(pipeline, batch, NUMBERS.next(pipeline, batch))
        runs.append(bench.needed(pipeline, batch))
    return runs


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_two_batches_in_every_order_of_their_steps(bench: Bench, pipeline: str) -> None:
    rng = random.Random(pipeline)
    for order in ORDERS if tally.FULL else rng.sample(ORDERS, 1):
        bench.step_by_step(corrected(bench, pipeline, rng.sample(DAYS[:2], 2)), order)
        bench.check(pipeline)
        tally.add("interleavings")


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_three_batches_in_orders_drawn_from_seeds(bench: Bench, pipeline: str) -> None:
    for number in range(6 if tally.FULL else 1):
        order = [run for run in range(len(DAYS)) for _ in range(STEPS)]
        random.Random(f"{pipeline}-{number}").shuffle(order)
        bench.step_by_step(corrected(bench, pipeline, DAYS), order)
        bench.check(pipeline)
        tally.add("interleavings")


@pytest.mark.parametrize("batches", [2, 3])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_batches_that_take_turns_at_every_call(bench: Bench, pipeline: str, batches: int) -> None:
    for number in range(6 if tally.FULL else 1):
        bench.call_by_call(corrected(bench, pipeline, DAYS[:batches]), f"{pipeline}-{batches}-{number}")
        bench.check(pipeline)
        tally.add("interleavings")
