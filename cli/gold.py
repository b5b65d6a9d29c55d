"""Fetches gold as any reader does: the catalog says where a table lies, S3 holds its Parquet files."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.lake import Lake
from lakehouse.publish.pointer import pointer_of


@dataclass(frozen=True)
class GoldFiles:
    """A gold table's files, fetched."""

    table: str
    location: str
    """`s3://…/` that the catalog names."""
    run_id: str
    versions: Mapping[str, int]
    """Version of each silver table that it was made of."""
    files: tuple[Path, ...]
    bytes: int


def fetch_gold(lake: Lake, table: str, folder: Path) -> GoldFiles:
    """Copy the Parquet files that the catalog's table points at into `folder`.

    Raises:
        CliError: nothing is published there.
    """
    glue, s3 = lake.client("glue"), lake.client("s3")
    found = glue.get_table(DatabaseName=lake.settings.gold_database, Name=table)["Table"]
    location: str = found["StorageDescriptor"]["Location"]
    pointer = pointer_of(location, found.get("Parameters", {}))
    if pointer is None:
        raise CliError(f"Gold table '{table}' has never been published", "lake runs")
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    files, size = [], 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["Key"].endswith(".parquet"):
                path = folder / f"{hashlib.sha256(entry['Key'].encode()).hexdigest()[:16]}.parquet"
                s3.download_file(bucket, entry["Key"], str(path))
                files.append(path)
                size += entry["Size"]
    return GoldFiles(table, location, pointer.run_id, pointer.versions, tuple(files), size)
