"""One fault at each boundary of engine, publishing, what follows, and what runs by the clock."""

import pytest

from tests.faults.directed import strike_all
from tests.faults.scenarios import SCENARIOS
from tests.faults.tally import FULL
from tests.faults.world import Cloud

SECOND = [scenario for scenario in SCENARIOS if not scenario.name.startswith(("gate", "commit"))]
SAMPLE = [
    scenario
    for scenario in SECOND
    if scenario.name in ("publish_first", "derive_whole", "compact", "swept", "tidied", "marked")
]


@pytest.mark.timeout(1800)
def test_a_fault_at_each_boundary_of_engine_publishing_and_clock_does_no_harm(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wanted, every = (SECOND, 1) if FULL else (SAMPLE, 50)
    assert strike_all(cloud, lambda: tmp_path_factory.mktemp("lake"), wanted, every) > 100
