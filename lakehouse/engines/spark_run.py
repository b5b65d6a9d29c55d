"""A run's gold by Spark, from a Glue job or spark-submit: silver and gold both in the lake bucket."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.sql import SparkSession

from lakehouse import names
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.former import FormerFiles
from lakehouse.engines.spark import (
    check_rows,
    export_csv,
    register_silver,
    show_current,
    touched_batches,
    write_gold,
    write_partitions,
)
from lakehouse.ledger.items import GoldPartition, GoldResult
from lakehouse.log import log


def run_spark(
    spark: SparkSession,
    pipeline: Pipeline,
    batch: str,
    run_id: str,
    versions: Mapping[str, int],
    slots: Mapping[str, int],
    rows: Mapping[str, int],
    former: FormerFiles,
    root: str,
) -> dict[str, GoldResult]:
    """Make every gold table of a run, those that follow others too, each in a folder of this attempt.

    Of a partitioned table only the partitions that the run touches are made.

    Args:
        versions: silver table version by dataset.
        slots: number of slots by dataset at that version.
        rows: rows by dataset at that version, as the Delta logs say.
        root: `s3://<lake bucket>` (or a folder), without a slash at the end.

    Raises:
        BalanceError: silver's files do not hold the rows that the Delta logs say.
        EngineError: a result is not what the contract declares.
        pyspark.errors.PySparkException: a silver table or a SELECT is broken.
    """
    uris = {dataset.name: f"{root}/{names.silver_prefix(pipeline.name, dataset.name)}" for dataset in pipeline.datasets}
    register_silver(spark, pipeline, uris, versions, slots)
    check_rows(spark, pipeline, rows)
    attempt = _Attempt(spark, pipeline, run_id, root, uuid.uuid4().hex[:12])
    whole = {table.name: attempt.make(table) for table in pipeline.gold if table.partition_by is None}
    parted = [table for table in pipeline.gold if table.partition_by is not None]
    if not parted:
        return whole
    batches = touched_batches(spark, pipeline, uris, batch, former())
    show_current(spark, pipeline, slots, batches)
    return whole | {table.name: attempt.make_partitions(table, batches) for table in parted}


@dataclass(frozen=True)
class _Attempt:
    """One attempt's session and places."""

    spark: SparkSession
    pipeline: Pipeline
    run_id: str
    root: str
    name: str

    def make(self, table: GoldTable) -> GoldResult:
        """A whole table, and its CSV file where it has one."""
        started, location = time.monotonic(), self._location(table)
        figures = write_gold(self.spark, self.pipeline, table, location)
        csv = self._export(table) if table.csv else None
        size = _size_bytes(self.spark, location)
        result = GoldResult(location, figures.rows, size, self.name, "spark", csv=csv, totals=figures.totals)
        return self._result(table, started, result)

    def make_partitions(self, table: GoldTable, batches: frozenset[str]) -> GoldResult:
        """The partitions of some batches."""
        started, location = time.monotonic(), self._location(table)
        made, figures = write_partitions(self.spark, self.pipeline, table, location, batches)
        partitions = {}
        for value, rows in made.items():
            place = location + names.partition_folder(str(table.partition_by), value)
            partitions[value] = GoldPartition(place, rows, _size_bytes(self.spark, place) if rows else 0)
        size = sum(one.bytes for one in partitions.values())
        counted = GoldResult(location, figures.rows, size, self.name, "spark", totals=figures.totals)
        return self._result(table, started, replace(counted, partitions=partitions))

    def _location(self, table: GoldTable) -> str:
        return f"{self.root}/{names.gold_run_prefix(self.pipeline.name, table.name, self.run_id, self.name)}"

    def _export(self, table: GoldTable) -> str:
        prefix = names.export_prefix(self.pipeline.name, table.name, self.run_id, self.name)
        with TemporaryDirectory(prefix="export-") as folder:
            file = export_csv(self.spark, self.pipeline, table, Path(folder))
            location = f"{self.root}/{prefix}{file.name}"
            _copy_from_local(self.spark, file, location)
        return location

    def _result(self, table: GoldTable, started: float, result: GoldResult) -> GoldResult:
        seconds = time.monotonic() - started
        log(
            "gold_written",
            pipeline=self.pipeline.name,
            run_id=self.run_id,
            table=table.name,
            engine="spark",
            rows=result.rows,
            bytes=result.bytes,
            partitions=len(result.partitions),
            seconds=seconds,
        )
        return replace(result, seconds=seconds)


def _size_bytes(spark: SparkSession, location: str) -> int:
    """Bytes of all files below a location, asked of the file system that Spark wrote them with."""
    context = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    files = path.getFileSystem(context._jsc.hadoopConfiguration())
    return int(files.getContentSummary(path).getLength())


def _copy_from_local(spark: SparkSession, file: Path, location: str) -> None:
    """Put a file of the driver where Spark's own files lie."""
    context = spark.sparkContext
    hadoop = context._jvm.org.apache.hadoop.fs.Path  # type: ignore[union-attr]
    target = hadoop(location)
    target.getFileSystem(context._jsc.hadoopConfiguration()).copyFromLocalFile(hadoop(file.as_uri()), target)
