"""Gold by Spark: a Glue job, or plain spark-submit. Silver is read through Delta at the pinned versions."""

from collections.abc import Mapping
from typing import cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.current import current_rows
from lakehouse.engines.gold_sql import gold_sql
from lakehouse.engines.result import Figures, check_columns, check_figures, figures_of, figures_sql
from lakehouse.silver.columns import ORIGIN

SEMANTICS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What the result depends on: the same wherever it runs. An overflow is an error, not a null (ANSI)."""


def register_silver(
    spark: SparkSession,
    pipeline: Pipeline,
    uris: Mapping[str, str],
    versions: Mapping[str, int],
    slots: Mapping[str, int],
) -> None:
    """Make each dataset's current rows at its pinned version a temporary view of the dataset's name.

    Args:
        uris: location of each dataset's Delta table.
        slots: number of slots in it at that version. Asking Spark for it would list the files once more.

    Raises:
        pyspark.errors.PySparkException: a table or its version does not exist or cannot be read.
    """
    for name, value in SEMANTICS.items():
        spark.conf.set(name, value)
    for dataset in pipeline.datasets:
        silver = f"_silver_{dataset.name}"
        table = spark.read.format("delta").option("versionAsOf", versions[dataset.name]).load(uris[dataset.name])
        _with_origin(table).createOrReplaceTempView(silver)
        spark.sql(current_rows(dataset, silver, slots[dataset.name])).createOrReplaceTempView(dataset.name)


def _with_origin(table: DataFrame) -> DataFrame:
    """A version from before there were compacted files lacks the column."""
    return table if ORIGIN in table.columns else table.withColumn(ORIGIN, lit(None).cast("string"))


def write_gold(spark: SparkSession, pipeline: Pipeline, table: GoldTable, location: str) -> Figures:
    """Run a gold table's SELECT into Parquet files at `location`, an empty place, and check them.

    Raises:
        EngineError: columns, types or keys are not what the contract declares.
        pyspark.errors.PySparkException: the SQL is broken.
    """
    result = spark.sql(gold_sql(pipeline, table))
    check_columns(table, result.dtypes)
    result.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(location)
    written: DataFrame = spark.read.schema(result.schema).parquet(location)
    written.createOrReplaceTempView("_result")
    never_null = {column.name for column in result.schema if not column.nullable}
    row = spark.sql(figures_sql(table, "_result", never_null)).collect()[0]
    figures = figures_of(table, cast(tuple[int, ...], row), never_null)
    check_figures(table, figures)
    return figures
