"""A run's gold by Spark, from a Glue job or spark-submit: silver and gold both in the lake bucket."""

import time
import uuid
from collections.abc import Mapping

from pyspark.sql import SparkSession

from lakehouse import names
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.spark import register_silver, write_gold
from lakehouse.ledger.items import GoldResult
from lakehouse.log import log


def run_spark(
    spark: SparkSession,
    pipeline: Pipeline,
    run_id: str,
    versions: Mapping[str, int],
    slots: Mapping[str, int],
    root: str,
) -> dict[str, GoldResult]:
    """Make every gold table of a run, each in a folder of this attempt.

    Args:
        versions: silver table version by dataset.
        slots: number of slots by dataset at that version.
        root: `s3://<lake bucket>` (or a folder), without a slash at the end.

    Raises:
        EngineError: a result is not what the contract declares.
        pyspark.errors.PySparkException: a silver table or a SELECT is broken.
    """
    attempt = uuid.uuid4().hex[:12]
    uris = {dataset.name: f"{root}/{names.silver_prefix(pipeline.name, dataset.name)}" for dataset in pipeline.datasets}
    register_silver(spark, pipeline, uris, versions, slots)
    return {table.name: _make(spark, pipeline, table, run_id, root, attempt) for table in pipeline.gold}


def _make(
    spark: SparkSession, pipeline: Pipeline, table: GoldTable, run_id: str, root: str, attempt: str
) -> GoldResult:
    started = time.monotonic()
    location = f"{root}/{names.gold_run_prefix(pipeline.name, table.name, run_id, attempt)}"
    figures = write_gold(spark, pipeline, table, location)
    size = _size_bytes(spark, location)
    seconds = time.monotonic() - started
    log(
        "gold_written",
        pipeline=pipeline.name,
        run_id=run_id,
        table=table.name,
        engine="spark",
        rows=figures.rows,
        bytes=size,
        seconds=seconds,
    )
    return GoldResult(location, figures.rows, size, attempt, "spark", seconds)


def _size_bytes(spark: SparkSession, location: str) -> int:
    """Bytes of all files below a location, asked of the file system that Spark wrote them with."""
    context = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    files = path.getFileSystem(context._jsc.hadoopConfiguration())
    return int(files.getContentSummary(path).getLength())
