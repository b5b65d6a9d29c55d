"""Schedules notice every weaker design: a mutant that survives them all fails the suite.

By an invariant that does not hold, or by the product's own balance, which refuses to go on.
"""

import pytest

from lakehouse.errors import LakeError
from tests.faults import tally
from tests.faults.mutants import MUTANTS
from tests.faults.playing import draw
from tests.faults.reader import Violation
from tests.faults.schedule import Schedule, run
from tests.faults.tally import FULL
from tests.faults.world import Cloud

SCHEDULES = 30
"""Of a seed, at most."""
SEEDS = dict.fromkeys(MUTANTS, 1) | dict.fromkeys(
    ("claim_then_start", "publish_without_comparing", "judge_the_events_version"), 2
)
"""With these each dies within a dozen schedules."""
QUICK = ("list_then_start", "append_instead_of_swap", "overwrite_in_place")


@pytest.mark.parametrize("name", MUTANTS if FULL else QUICK)
def test_the_mutant_dies(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    played = 0

    def play(schedule: Schedule) -> None:
        nonlocal played
        played += 1
        run(cloud, tmp_path_factory.mktemp("lake"), schedule, counted=False)

    with MUTANTS[name](), pytest.raises((Violation, LakeError)) as noticed:
        draw(SEEDS[name], SCHEDULES, play)
    print(f"{name} died of schedule {played}: {noticed.value}")
    tally.note("mutants_killed", name)
