"""Under any schedule of duplicates, reordering, repeats and faults the four invariants hold. Part 4 of 4."""

import pytest

from tests.faults.playing import hold, seeds
from tests.faults.world import Cloud


@pytest.mark.parametrize("number", seeds(3))
def test_the_invariants_hold(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    hold(cloud, lambda: tmp_path_factory.mktemp("lake"), number)
