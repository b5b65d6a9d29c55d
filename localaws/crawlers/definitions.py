"""What a crawl found, as the Glue catalog writes it: TableInput and PartitionInput. Pure.

The names and values of the parameters are those that AWS's crawlers leave behind. *Simplified*: without CRAWL_RUN_ID,
so that a crawl that finds nothing new writes nothing.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from localaws.crawlers.layout import FoundPartition, FoundTable
from localaws.crawlers.schema import Schema, Statistics
from localaws.crawlers.types import Type, render

Input = dict[str, Any]

STATISTICS = ("recordCount", "averageRecordSize", "objectCount", "sizeKey")
BY = "UPDATED_BY_CRAWLER"
DEPRECATED = "DEPRECATED_BY_CRAWLER"
_VERSIONS = {"CrawlerSchemaDeserializerVersion": "1.0", "CrawlerSchemaSerializerVersion": "1.0"}
_TEXT_FORMATS = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_FORMATS = {
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    "json": (*_TEXT_FORMATS, "org.openx.data.jsonserde.JsonSerDe"),
    "csv": (*_TEXT_FORMATS, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    "delta": (
        "org.apache.hadoop.mapred.SequenceFileInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    ),
}


def table_name(prefix: str, bucket: str, table_prefix: str) -> str:
    """A table's name: its folder, or its file, or the bucket, in small letters, digits and `_`."""
    last = prefix.rstrip("/").rsplit("/", 1)[-1] or bucket
    return re.sub(r"[^a-z0-9_]", "_", f"{table_prefix}{last}".lower())


def unique_name(name: str, location: str) -> str:
    """Where the name is another location's already: with a hash of this one, as AWS does it."""
    return f"{name}_{hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()}"


def table_input(name: str, location: str, found: FoundTable, crawler: str) -> Input:
    """The table that files make."""
    parameters = {BY: crawler, **_parameters(found.schema, found.statistics)}
    if found.partition_keys:
        parameters["partition_filtering.enabled"] = "true"
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": storage(found.schema, found.statistics, location, crawler),
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.partition_keys],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
    }


def partition_input(found: FoundPartition, bucket: str, crawler: str, table: Input | None) -> Input:
    """One partition; with `table` its columns are the table's (`InheritFromTable`)."""
    descriptor = storage(found.schema, found.statistics, f"s3://{bucket}/{found.prefix}", crawler)
    if table is not None:
        descriptor["Columns"] = table["StorageDescriptor"]["Columns"]
    parameters = _parameters(found.schema, found.statistics)
    return {"Values": list(found.values), "StorageDescriptor": descriptor, "Parameters": parameters}


def delta_input(name: str, location: str, columns: Iterable[tuple[str, str]], keys: Iterable[str], by: str) -> Input:
    """A native Delta table: Athena and Spark read the location's log."""
    names = list(keys)
    all_columns = dict(columns)
    inputs, outputs, serde = _FORMATS["delta"]
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": {
            "Columns": [{"Name": key, "Type": kind} for key, kind in all_columns.items() if key not in names],
            "Location": location,
            "InputFormat": inputs,
            "OutputFormat": outputs,
            "SerdeInfo": {
                "SerializationLibrary": serde,
                "Parameters": {"serialization.format": "1", "path": location},
            },
        },
        "PartitionKeys": [{"Name": key, "Type": all_columns[key]} for key in names],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            BY: by,
            "classification": "delta",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
            "spark.sql.partitionProvider": "catalog",
            **_VERSIONS,
        },
    }


def columns_of(columns: Iterable[tuple[str, Type]]) -> list[dict[str, str]]:
    """Columns as the catalog writes them."""
    return [{"Name": name, "Type": render(kind)} for name, kind in columns]


def storage(schema: Schema, statistics: Statistics, location: str, crawler: str) -> Input:
    """The storage descriptor of a table or partition."""
    inputs, outputs, serde = _FORMATS[schema.format]
    return {
        "Columns": columns_of(schema.columns),
        "Location": location,
        "InputFormat": inputs,
        "OutputFormat": outputs,
        "Compressed": schema.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": _serde_parameters(schema)},
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": {BY: crawler, **_parameters(schema, statistics)},
        "StoredAsSubDirectories": False,
    }


def _serde_parameters(schema: Schema) -> dict[str, str]:
    if schema.csv:
        return {"field.delim": schema.csv.delimiter}
    if schema.format == "json":
        return {"paths": ",".join(sorted(name for name, _ in schema.columns))}
    return {"serialization.format": "1"}


def _parameters(schema: Schema, statistics: Statistics) -> dict[str, str]:
    made = {
        **_VERSIONS,
        "classification": schema.format,
        "compressionType": schema.compression,
        "typeOfData": "file",
        **statistics_parameters(statistics),
    }
    if schema.csv:
        made |= {
            "areColumnsQuoted": str(schema.csv.quoted).lower(),
            "columnsOrdered": "true",
            "delimiter": schema.csv.delimiter,
        }
        if schema.csv.header:
            made["skip.header.line.count"] = "1"
    return made


def statistics_parameters(statistics: Statistics) -> dict[str, str]:
    """Counts and sizes, bytes."""
    return {
        "recordCount": str(statistics.records),
        "averageRecordSize": str(statistics.bytes // max(1, statistics.records)),
        "objectCount": str(statistics.objects),
        "sizeKey": str(statistics.bytes),
    }
