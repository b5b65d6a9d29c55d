"""The Spark job's driver killed at every write of it, while readers see the table through the catalog."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from localaws import EmbeddedAws
from tests.faults.kill_job import Shipments
from tests.faults.kill_lake import Kill, KillLake
from tests.faults.kill_readers import audience, by_athena, by_duckdb, by_spark
from tests.faults.kill_state import differences
from tests.faults.tally import FULL

WRITES_A_PLAY = 6


@pytest.fixture(scope="module")
def story(aws: EmbeddedAws, spark: SparkSession) -> Iterator[Shipments]:
    """Told once already, so that there is gold, while readers look on."""
    lake = KillLake(aws)
    kinds = {
        "DuckDB": (by_duckdb(lake), 1.0),
        "Athena": (by_athena(lake), 2.0),
        "Spark": (by_spark(lake, spark), 3.0),
    }
    with audience(kinds) as readers:
        made = Shipments(lake, readers)
        made.clean()
        yield made


def deaths(at: int) -> Iterator[Kill]:
    """After each write; also before every other one, though what is left is what a death after the write before leaves:
    a driver takes nothing along but what it wrote."""
    if at % 2:
        yield Kill(at, "before")
    yield Kill(at, "after")


@pytest.mark.timeout(1800)
def test_killed_at_a_write_and_started_again_the_job_makes_what_duckdb_makes(story: Shipments) -> None:
    expected, first, last = story.clean(), 1, WRITES_A_PLAY
    while first <= last:
        ats = range(first, min(first + WRITES_A_PLAY, last + 1))
        kills = [kill for at in ats for kill in deaths(at)] if FULL else [Kill(2, "before"), Kill(4, "after")]
        writes, state = story.play(kills)
        assert not differences(state, expected), f"after {kills}"
        first, last = first + WRITES_A_PLAY, len(writes) if FULL else 0
