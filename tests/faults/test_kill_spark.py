"""The Spark job's driver killed at every write of it, while readers see the table through the catalog."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from localaws import EmbeddedAws
from tests.faults.kill_job import Shipments
from tests.faults.kill_lake import Kill, KillLake
from tests.faults.kill_process import MOMENTS
from tests.faults.kill_readers import audience, by_athena, by_duckdb, by_spark
from tests.faults.kill_state import differences
from tests.faults.tally import FULL

WRITES_A_PLAY = 2


@pytest.fixture(scope="module")
def story(aws: EmbeddedAws, spark: SparkSession) -> Iterator[Shipments]:
    """Told once already, so that there is gold, while readers look on."""
    lake = KillLake(aws)
    kinds = {
        "DuckDB": (by_duckdb(lake), 0.2),
        "Athena": (by_athena(lake), 0.5),
        "Spark": (by_spark(lake, spark), 1.0),
    }
    with audience(kinds) as readers:
        made = Shipments(lake, readers)
        made.clean()
        yield made


@pytest.mark.timeout(1800)
def test_killed_at_a_write_and_started_again_the_job_makes_what_duckdb_makes(story: Shipments) -> None:
    expected, first = story.clean(), 1
    while True:
        ats = range(first, first + WRITES_A_PLAY)
        kills = (
            [Kill(at, moment) for at in ats for moment in MOMENTS] if FULL else [Kill(2, "before"), Kill(4, "after")]
        )
        writes, state = story.play(kills)
        assert not differences(state, expected), f"after {kills}"
        first += WRITES_A_PLAY
        if not FULL or first > len(writes):
            return
