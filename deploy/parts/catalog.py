"""What people query: the Glue databases with silver and gold tables, and the Athena workgroup."""

import re
from collections.abc import Sequence
from typing import Any

from troposphere import Ref, Sub, Template, athena, glue

from deploy.parts.names import (
    BRONZE_DATABASE,
    GOLD_DATABASE,
    IS_AWS,
    SILVER_DATABASE,
    key_arn,
    logical_id,
    underscored_prefix,
)
from lakehouse.contract.model import Column, Dataset, GoldTable, Pipeline
from lakehouse.contract.personal import stored_columns
from lakehouse.errors import ContractError
from lakehouse.names import GOLD, silver_prefix, silver_table

_HIVE_TYPES = {"long": "bigint"}
_SAME_IN_HIVE = re.compile(r"string|int|double|boolean|date|timestamp|decimal\(\d+,\s*\d+\)")

_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": glue.SerdeInfo(
        SerializationLibrary="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        Parameters={"serialization.format": "1"},
    ),
}

_TRACES = (
    glue.Column(Name="_line", Type="bigint", Comment="Line of the bronze file"),
    glue.Column(Name="_origin", Type="string", Comment="Slot of a row in a compacted file; null otherwise"),
)


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    for title, suffix, about in (
        (BRONZE_DATABASE, "bronze", "Files as they arrived, as crawlers see them"),
        (SILVER_DATABASE, "silver", "Typed rows that the gate accepted"),
        (GOLD_DATABASE, "gold", "Results for people"),
    ):
        template.add_resource(
            glue.Database(
                title,
                CatalogId=Ref("AWS::AccountId"),
                DatabaseInput=glue.DatabaseInput(Name=underscored_prefix(suffix), Description=about),
            )
        )
    for pipeline in pipelines:
        for dataset in pipeline.datasets:
            template.add_resource(_silver(dataset))
        for table in pipeline.gold:
            template.add_resource(_gold(table))
        for name, text in named_queries(pipeline).items():
            template.add_resource(_named_query(pipeline, name, text))
    template.add_resource(_workgroup())


def hive_type(contract_type: str) -> str:
    """A contract's type as Glue's catalog writes it.

    Raises:
        ContractError: the contract has a type that the catalog does not know.
    """
    if contract_type not in _HIVE_TYPES and not _SAME_IN_HIVE.fullmatch(contract_type):
        raise ContractError(f"Column type '{contract_type}' has no type in the Glue catalog")
    return _HIVE_TYPES.get(contract_type, contract_type)


def _column(name: str, kind: str, comment: str) -> glue.Column:
    return glue.Column(Name=name, Type=hive_type(kind), Comment=comment)


def _columns(columns: Sequence[Column]) -> list[glue.Column]:
    return [_column(column.name, column.type, column.comment) for column in columns]


def _silver(dataset: Dataset) -> glue.Table:
    """A native Delta table: Athena (engine 3) and Spark take the location and read everything else from Delta's log.

    `table_type` is Athena's mark, `spark.sql.sources.provider` Spark's and Trino's, and the serde's `path` what Spark
    looks up. The columns are there for people who browse the catalog. The input format is the one that Glue's own
    crawler puts down for native Delta tables.
    """
    location = Sub(f"s3://${{LakeBucket}}/{silver_prefix(dataset.pipeline, dataset.name)}")
    return _table(
        logical_id(dataset.pipeline, dataset.name, "silver", "table"),
        SILVER_DATABASE,
        glue.TableInput(
            Name=silver_table(dataset.pipeline, dataset.name),
            Description=dataset.description,
            TableType="EXTERNAL_TABLE",
            Parameters={
                "EXTERNAL": "TRUE",
                "classification": "delta",
                "table_type": "DELTA",
                "spark.sql.sources.provider": "delta",
                "spark.sql.partitionProvider": "catalog",
            },
            PartitionKeys=[
                _column("_batch", "string", "Batch of the file"),
                _column("_slot", "string", "Object key of the bronze file"),
            ],
            StorageDescriptor=glue.StorageDescriptor(
                Columns=[*_columns(stored_columns(dataset.columns)), *_TRACES],
                Location=location,
                InputFormat="org.apache.hadoop.mapred.SequenceFileInputFormat",
                OutputFormat="org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
                SerdeInfo=glue.SerdeInfo(
                    SerializationLibrary="org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                    Parameters={"serialization.format": "1", "path": location},
                ),
            ),
        ),
    )


def _gold(table: GoldTable) -> glue.Table:
    """A Parquet table at an empty place: the publishing moves its location to a run's folder.

    Where it is partitioned, each partition has its own location and the table's own stays empty for good.
    """
    partition = [column for column in table.columns if column.name == table.partition_by]
    empty = "root" if partition else "run=none"
    keys = {"PartitionKeys": _columns(partition)} if partition else {}
    return _table(
        logical_id(table.pipeline, table.name, "gold", "table"),
        GOLD_DATABASE,
        glue.TableInput(
            Name=table.name,
            Description=table.description,
            TableType="EXTERNAL_TABLE",
            Parameters={"EXTERNAL": "TRUE", "classification": "parquet"},
            StorageDescriptor=glue.StorageDescriptor(
                Columns=_columns([column for column in table.columns if column.name != table.partition_by]),
                Location=Sub(f"s3://${{LakeBucket}}/{GOLD}/{table.pipeline}/{table.name}/{empty}/"),
                **_PARQUET,
            ),
            **keys,
        ),
    )


def _table(title: str, database: str, table: glue.TableInput) -> glue.Table:
    return glue.Table(title, CatalogId=Ref("AWS::AccountId"), DatabaseName=Ref(database), TableInput=table)


def named_queries(pipeline: Pipeline) -> dict[str, str]:
    """The texts of `queries/<name>.sql` by name."""
    folder = pipeline.folder / "queries"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")] if folder.is_dir() else []
    return {file.name.removesuffix(".sql"): file.read_text() for file in sorted(files, key=lambda file: file.name)}


def _named_query(pipeline: Pipeline, name: str, text: str) -> athena.NamedQuery:
    """A saved query, for people in Athena's console. On one machine `lake query` reads the file."""
    return athena.NamedQuery(
        logical_id(pipeline.name, name, "query"),
        Condition=IS_AWS,
        Name=f"{pipeline.name}/{name}",
        Description=f"{pipeline.title}: {name.replace('_', ' ')}",
        Database=Ref(GOLD_DATABASE),
        WorkGroup=Ref("Workgroup"),
        QueryString=text,
    )


def _workgroup() -> Any:
    encryption = athena.EncryptionConfiguration(EncryptionOption="SSE_KMS", KmsKey=key_arn())
    return athena.WorkGroup(
        "Workgroup",
        Name=Ref("Prefix"),
        Description="Queries over the lake; results lie in the lake bucket and expire",
        RecursiveDeleteOption=True,
        WorkGroupConfiguration=athena.WorkGroupConfiguration(
            EnforceWorkGroupConfiguration=True,
            PublishCloudWatchMetricsEnabled=True,
            EngineVersion=athena.EngineVersion(SelectedEngineVersion="Athena engine version 3"),
            ResultConfiguration=athena.ResultConfiguration(
                OutputLocation=Sub("s3://${LakeBucket}/athena-results/"),
                EncryptionConfiguration=encryption,
            ),
        ),
    )
