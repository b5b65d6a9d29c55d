"""Schedules notice every weaker design: a mutant that survives them all fails the suite."""

import pytest

from tests.faults import tally
from tests.faults.mutants import MUTANTS
from tests.faults.playing import draw
from tests.faults.reader import Violation
from tests.faults.schedule import Schedule, run
from tests.faults.world import Cloud

SCHEDULES = 40
"""Of a seed, at most."""
SEEDS = dict.fromkeys(MUTANTS, 1)
"""With these each dies within a few schedules."""


@pytest.mark.parametrize("name", MUTANTS)
def test_the_mutant_dies(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    played = 0

    def play(schedule: Schedule) -> None:
        nonlocal played
        played += 1
        run(cloud, tmp_path_factory.mktemp("lake"), schedule, counted=False)

    with MUTANTS[name](), pytest.raises(Violation) as noticed:
        draw(SEEDS[name], SCHEDULES, play)
    print(f"{name} died of schedule {played}: {noticed.value}")
    tally.note("mutants_killed", name)
