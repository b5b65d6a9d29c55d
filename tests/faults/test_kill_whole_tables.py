"""Functions killed at every write while whole tables are corrected, one of them made after the other."""

from collections.abc import Iterator

import pytest

from localaws import EmbeddedAws
from tests.faults.kill_lake import KillLake
from tests.faults.kill_readers import audience, by_athena, by_duckdb
from tests.faults.kill_state import State, differences
from tests.faults.kill_stories import Carts, Play, plans


@pytest.fixture(scope="module")
def story(aws: EmbeddedAws) -> Iterator[Carts]:
    """Told once already, so that there is gold, while readers look on."""
    lake = KillLake(aws)
    with audience({"DuckDB": (by_duckdb(lake), 1.0), "Athena": (by_athena(lake), 2.0)}) as readers:
        made = Carts(lake, readers)
        made.play({})
        yield made


@pytest.fixture(scope="module")
def clean(story: Carts) -> tuple[Play, State]:
    """A play in which nobody dies."""
    return story.play({})


@pytest.mark.timeout(1800)
def test_killed_at_a_write_and_called_again_it_ends_as_if_nothing_had_happened(
    story: Carts, clean: tuple[Play, State]
) -> None:
    undisturbed, expected = clean
    assert tuple(undisturbed.writes) == Carts.steps
    for kills in plans(undisturbed.writes):
        _, state = story.play(kills)
        assert not differences(state, expected), f"after {kills}"
