"""What every SQL case is about: Spark, DuckDB and the independent recomputation give the same, expected rows."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.contract.types import column_type
from lakehouse.engines import duckdb as on_duckdb
from lakehouse.engines import spark as on_spark
from lakehouse.engines.checksum import checksum
from lakehouse.silver.table import pinned
from lakehouse.tokens import key_in, tokenise
from tests.secret import keyed
from tests.sql.cases import Case, LocalSilver
from tests.sql.independent import Recompute

ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def schema_of(table: GoldTable) -> list[tuple[str, pa.DataType]]:
    """The contract as Arrow names and types."""
    found = [(column.name, column_type(column.type)) for column in table.columns]
    return [(name, ARROW.get(kind.name) or pa.decimal128(kind.precision, kind.scale)) for name, kind in found]


def read(files: list[Path], table: GoldTable) -> list[dict[str, Any]]:
    """Rows of gold files by key, after their schema was compared with the contract."""
    found = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    assert [(field.name, field.type) for field in found.schema] == schema_of(table)
    return by_key(found.to_pylist(), table)


def by_key(rows: list[dict[str, Any]], table: GoldTable) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [row[name] for name in table.key])


def agree(case: Case, pipeline: Pipeline, recompute: Recompute, spark: SparkSession, tmp_path: Path) -> None:
    """Spark, DuckDB and the recomputation give the expected rows of a case, byte for byte the same table.

    A case and the recomputation say the values where gold has tokens of them.
    """
    pipeline = keyed(pipeline)
    table = next(found for found in pipeline.gold if found.name == case.table)
    values = by_key(case.expected(table), table)
    expected = [with_tokens(row, table, pipeline) for row in values]
    silver = LocalSilver(tmp_path, pipeline)
    versions = silver.bring_all(case.steps())

    uris = {dataset.name: silver.store.uri(pipeline.name, dataset.name) for dataset in pipeline.datasets}
    _, slots = pinned(silver.store, pipeline.datasets)
    on_spark.register_silver(spark, pipeline, uris, versions, slots)
    spark_figures = on_spark.write_gold(spark, pipeline, table, str(tmp_path / "spark"))
    spark_files = sorted((tmp_path / "spark").glob("*.parquet"))

    (tmp_path / "duckdb").mkdir()
    with on_duckdb.connect(on_duckdb.Limits(512, 2, tmp_path / "spill")) as connection:
        root = silver.store
        on_duckdb.register_silver(
            connection,
            pipeline,
            root,
            versions,
            lambda dataset, files: [Path(root.uri(pipeline.name, dataset.name)) / file.path for file in files],
        )
        file, duckdb_figures = on_duckdb.write_gold(connection, pipeline, table, tmp_path / "duckdb")

    assert read(spark_files, table) == expected
    assert read([file], table) == expected
    assert spark_figures == duckdb_figures
    assert spark_figures.rows == len(expected)
    assert checksum(spark_files) == checksum([file])

    relation = recompute(silver.files_in_force())[table.name]
    assert relation.columns == [column.name for column in table.columns]
    recomputed = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert by_key([in_utc(row) for row in recomputed], table) == values


def with_tokens(row: dict[str, Any], table: GoldTable, pipeline: Pipeline) -> dict[str, Any]:
    key = key_in(pipeline)
    tokens = {column.name: tokenise(key, row[column.name]) for column in table.columns if column.pii and key}
    return row | tokens


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.astimezone(datetime.UTC) if isinstance(value, datetime.datetime) else value
        for name, value in row.items()
    }
