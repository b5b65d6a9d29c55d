"""Gold by Spark: a Glue job, or plain spark-submit. Silver is read through Delta at the pinned versions."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.csv_export import csv_name, rows_sql, write_csv
from lakehouse.engines.current import current_rows, silver_relation
from lakehouse.engines.gold_sql import gold_sql
from lakehouse.engines.partitions import check_values, of_batches, sharing_batches
from lakehouse.engines.result import Figures, check_columns
from lakehouse.engines.seeds import seed_rows
from lakehouse.engines.spark_sql import quoted
from lakehouse.engines.totals import check_counts, check_result, checks_sql, counts_sql
from lakehouse.silver.columns import ORIGIN
from lakehouse.silver.slots import SlotFile

SEMANTICS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What the result depends on: the same wherever it runs. An overflow is an error, not a null (ANSI)."""
_COUNT_FROM_LOG = "spark.databricks.delta.optimizeMetadataQuery.enabled"
"""Delta answers count(*) from its log, without looking at a file, unless told not to."""
_NO_SUCCESS_FILE = ("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")


def register_silver(
    spark: SparkSession,
    pipeline: Pipeline,
    uris: Mapping[str, str],
    versions: Mapping[str, int],
    slots: Mapping[str, int],
) -> None:
    """Make each dataset's current rows at its pinned version, and each seed, a temporary view of its name.

    Args:
        uris: location of each dataset's Delta table.
        slots: number of slots in it at that version. Asking Spark for it would list the files once more.

    Raises:
        pyspark.errors.PySparkException: a table or its version does not exist or cannot be read.
        ContractError: a seed's file is wrong.
    """
    for name, value in SEMANTICS.items():
        spark.conf.set(name, value)
    for dataset in pipeline.datasets:
        table = spark.read.format("delta").option("versionAsOf", versions[dataset.name]).load(uris[dataset.name])
        _with_origin(table).createOrReplaceTempView(silver_relation(dataset))
    show_current(spark, pipeline, slots)
    for seed in pipeline.seeds:
        spark.sql(seed_rows(seed)).createOrReplaceTempView(seed.name)


def check_rows(spark: SparkSession, pipeline: Pipeline, logged: Mapping[str, int]) -> None:
    """Compare the rows in silver's files with those that the Delta logs say. Of each file only the footer is read.

    Raises:
        BalanceError: files have lost or gained rows.
    """
    answers_from_log = spark.conf.get(_COUNT_FROM_LOG, "true")
    spark.conf.set(_COUNT_FROM_LOG, "false")
    try:
        counted = spark.sql(counts_sql(pipeline)).collect()
    finally:
        spark.conf.set(_COUNT_FROM_LOG, str(answers_from_log))
    check_counts(pipeline.name, logged, {str(name): int(rows) for name, rows in counted})


def show_current(
    spark: SparkSession, pipeline: Pipeline, slots: Mapping[str, int], batches: Collection[str] | None = None
) -> None:
    """Let each dataset's view show its current rows: all, or those of some batches for a partitioned table's SELECT."""
    for dataset in pipeline.datasets:
        current = current_rows(dataset, silver_relation(dataset), slots[dataset.name])
        shown = current if batches is None else of_batches(current, batches)
        spark.sql(shown).createOrReplaceTempView(dataset.name)


def touched_batches(
    spark: SparkSession,
    pipeline: Pipeline,
    uris: Mapping[str, str],
    batch: str,
    former: Mapping[str, Sequence[SlotFile]],
) -> frozenset[str]:
    """The batches whose partitions a run of `batch` makes again; `former`: files that it holds no more, by dataset."""
    touched = {batch}
    for dataset in pipeline.datasets:
        files, relation = former.get(dataset.name, ()), f"_former_{dataset.name}"
        if files and dataset.key:
            paths = [f"{uris[dataset.name].rstrip('/')}/{file.path}" for file in files]
            schema = spark.table(silver_relation(dataset)).select(*dataset.key).schema
            spark.read.schema(schema).parquet(*paths).createOrReplaceTempView(relation)
        sharing = sharing_batches(dataset, silver_relation(dataset), batch, relation if files else None)
        if sharing:
            touched.update(str(row[0]) for row in spark.sql(sharing).collect())
    return frozenset(touched)


def write_gold(spark: SparkSession, pipeline: Pipeline, table: GoldTable, location: str) -> Figures:
    """Run a gold table's SELECT into Parquet files at `location`, an empty place, and check them.

    Raises:
        EngineError: columns, types, keys or totals are not what the contract declares.
        pyspark.errors.PySparkException: the SQL is broken.
    """
    result = spark.sql(gold_sql(pipeline, table))
    check_columns(table, result.dtypes)
    result.write.option(*_NO_SUCCESS_FILE).parquet(location)
    written: DataFrame = spark.read.schema(result.schema).parquet(location)
    return _checked(spark, table, result, written)


def write_partitions(
    spark: SparkSession, pipeline: Pipeline, table: GoldTable, location: str, batches: Collection[str]
) -> tuple[dict[str, int], Figures]:
    """Make the partitions of some batches, whose current rows alone must be shown: a folder each, without the column.

    Returns:
        Rows by value, of every batch, and what was counted over all of them. Without rows there is no folder.

    Raises:
        EngineError: as `write_gold`, or a row lies in another partition.
        pyspark.errors.PySparkException: the SQL is broken.
    """
    column = str(table.partition_by)
    result = spark.sql(gold_sql(pipeline, table))
    check_columns(table, result.dtypes)
    result.write.option(*_NO_SUCCESS_FILE).partitionBy(column).parquet(location)
    folders = subfolders(spark, location)
    reader = spark.read.schema(result.schema).option("basePath", location)
    paths = [f"{location.rstrip('/')}/{name}" for name in folders]
    written = reader.parquet(*paths) if paths else spark.createDataFrame([], result.schema)
    figures = _checked(spark, table, result, written)
    counted = spark.sql(f"select cast({quoted(column)} as string), count(*) from _result group by 1").collect()
    rows = {value: int(count) for value, count in counted}
    check_values(table, list(rows), batches)
    return {value: rows.get(value, 0) for value in sorted(batches)}, figures


def export_csv(spark: SparkSession, pipeline: Pipeline, table: GoldTable, folder: Path) -> Path:
    """The result that was written last, as one CSV file. Raises EngineError: its SELECT orders by no result column."""
    file = folder / csv_name(table)
    rows = spark.sql(rows_sql(pipeline, table, "_result"))
    write_csv(table, (tuple(row) for row in rows.toLocalIterator()), file)
    return file


def subfolders(spark: SparkSession, location: str) -> list[str]:
    """Names of the folders in a location, sorted; none where nothing was written."""
    context = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(location)  # type: ignore[union-attr]
    files = path.getFileSystem(context._jsc.hadoopConfiguration())
    found = files.listStatus(path) if files.exists(path) else ()
    return sorted(str(entry.getPath().getName()) for entry in found if entry.isDirectory())


def _with_origin(table: DataFrame) -> DataFrame:
    """A version from before there were compacted files lacks the column."""
    return table if ORIGIN in table.columns else table.withColumn(ORIGIN, lit(None).cast("string"))


def _checked(spark: SparkSession, table: GoldTable, result: DataFrame, written: DataFrame) -> Figures:
    """Count what was written and compare it with the contract. The relation `_result` shows it afterwards."""
    written.createOrReplaceTempView("_result")
    never_null = {column.name for column in result.schema if not column.nullable}
    row = cast(tuple[object, ...], spark.sql(checks_sql(table, "_result", never_null)).collect()[0])
    return check_result(table, row, never_null)
