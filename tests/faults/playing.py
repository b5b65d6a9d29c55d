"""Blocks of schedules, each drawn from a printed seed."""

import os
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.faults.schedule import Schedule, run, schedules, told
from tests.faults.tally import FULL
from tests.faults.world import Cloud

BLOCK = 25
"""Schedules of a seed."""
BLOCKS = 10 if FULL else 1
"""Of a file."""
FILES = 4
SAMPLE = 2


def seeds(file: int) -> list[int]:
    """The seeds of a file's blocks: no two files have one in common. `LAKE_FAULTS_SEED` asks for a single one."""
    if "LAKE_FAULTS_SEED" in os.environ:
        return [int(os.environ["LAKE_FAULTS_SEED"])]
    return [file + FILES * block for block in range(BLOCKS)]


def draw(number: int, examples: int, play: Callable[[Schedule], None]) -> None:
    """Let Hypothesis draw schedules from a seed and play each. The same seed draws the same schedules anywhere."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(schedules())
    def one(schedule: Schedule) -> None:
        play(schedule)

    one()


def hold(cloud: Cloud, folder: Callable[[], Path], number: int) -> None:
    """The invariants hold under the schedules of a seed."""
    print(f"seed {number}: make faults SEED={number} plays these schedules again")

    def play(schedule: Schedule) -> None:
        print(told(schedule))
        run(cloud, folder(), schedule)

    draw(number, BLOCK if FULL else SAMPLE, play)
