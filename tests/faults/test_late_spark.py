"""Contracts that change, on Spark: the same stories and the same end as on DuckDB."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse import runs
from lakehouse.engines.former import former_files
from lakehouse.engines.spark_run import run_spark
from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.late_clean import must_be_as_clean
from tests.faults.late_contract import (
    DAY,
    NEXT,
    changes_a_keys_type_and_back,
    changes_a_type_and_back,
    gains_an_optional_column,
)
from tests.faults.late_lake import LateLake, item
from tests.faults.world import Cloud

COLUMN = {
    (DAY, "a"): [item(1, 1), item(2, 2)],
    (DAY, "b"): [item(3, 3, "Bb", note="new"), item(4, 4, "Bb")],
    (NEXT, "a"): [item(1, 10, note="newer")],
    (NEXT, "b"): [item(5, 5, note="last")],
}
TYPE = {(DAY, "a"): [item(1, 1), item(2, 2)], (DAY, "b"): [item(3, 3)], (DAY, "c"): [item(4, 4)]}
KEY = {(DAY, "a"): [item(1, 1)], (DAY, "b"): [item(2, 2)], (NEXT, "a"): [item(1, 10)]}
STORIES = [(changes_a_type_and_back, TYPE), (gains_an_optional_column, COLUMN), (changes_a_keys_type_and_back, KEY)]


@pytest.mark.timeout(600)  # Spark, on machines that have other things to do
@pytest.mark.parametrize(("story", "files"), STORIES if tally.FULL else STORIES[:1])
def test_a_contract_changes_on_spark(
    aws: EmbeddedAws, spark: SparkSession, tmp_path: Path, story: Callable[[LateLake], None], files: Any
) -> None:
    def by_spark(lake: LateLake, plan: dict[str, Any]) -> None:
        """The job, in the tests' session."""
        ledger, pipeline, batch, run_id = lake.world.ledger, lake.pipeline, plan["batch"], plan["run_id"]
        pinned = (plan["versions"], plan["slots"], plan["rows"])
        former = former_files(ledger, pipeline, batch)
        gold = run_spark(spark, pipeline, batch, run_id, *pinned, former, f"s3://{lake.world.bucket}")
        runs.gold_written(ledger, pipeline.name, batch, run_id, gold)

    lake = LateLake(Cloud(aws), tmp_path, by_spark)
    with lake.open():
        story(lake)
    must_be_as_clean(lake, files)
