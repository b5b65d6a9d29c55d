"""Every SQL case gives the expected rows on Spark, on DuckDB and in the independent recomputation."""

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.contract.load import pipelines
from tests.sql.agreement import agree
from tests.sql.cases import Case, all_cases
from tests.sql.independent import PIPELINES, recomputation


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.table}-{case.folder.name}")
def test_both_engines_and_the_recomputation_agree_with_the_expected_rows(
    case: Case, spark: SparkSession, tmp_path: Path
) -> None:
    agree(case, pipelines()[case.pipeline], recomputation(case.pipeline), spark, tmp_path)


def test_every_gold_table_of_every_pipeline_has_at_least_three_cases() -> None:
    found = Counter((case.pipeline, case.table) for case in all_cases())
    tables = {(path.parents[1].name, path.stem) for path in PIPELINES.glob("*/gold/*.sql")}
    assert tables == {(name, table.name) for name, one in pipelines().items() for table in one.gold}
    assert set(found) == tables
    assert min(found.values()) >= 3
