"""The case that docs/adding-a-pipeline.md shows is right: on both engines, and in the recomputation that it shows."""

from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse.contract.load import pipelines
from tests.page import write_page_files
from tests.sql.agreement import agree
from tests.sql.cases import Case
from tests.sql.independent import recomputation


def test_the_pages_case_holds(spark: SparkSession, tmp_path: Path) -> None:
    write_page_files(tmp_path)
    (expected,) = (tmp_path / "tests" / "sql").glob("*/*/*/expected.ndjson")
    folder = expected.parent
    case = Case(folder.parents[1].name, folder.parent.name, folder)
    pipeline = pipelines(tmp_path / "pipelines")[case.pipeline]
    agree(case, pipeline, recomputation(case.pipeline, tmp_path / "pipelines"), spark, tmp_path)
