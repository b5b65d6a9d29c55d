"""Fetches gold as any reader does: the catalog says where a table lies, S3 holds its Parquet files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.lake import Lake
from lakehouse.contract.model import Column, GoldTable
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
    partitions: tuple[tuple[str, tuple[Path, ...]], ...] = ()
    """Of a partitioned table: value and files of each partition."""
    partition_by: Column | None = None

    @property
    def select(self) -> str:
        """DuckDB's SELECT of all rows, the partition's column included."""
        if self.partition_by is None:
            return f"select * from {_read(self.files)}"
        name, kind = self.partition_by.name, self.partition_by.type.replace("string", "varchar")
        return " union all ".join(
            f'select *, cast({_text(value)} as {kind}) as "{name}" from {_read(paths)}'
            for value, paths in self.partitions
        )


def fetch_gold(lake: Lake, table: GoldTable, folder: Path) -> GoldFiles:
    """Copy the Parquet files that the catalog's table, or each of its partitions, points at into `folder`.

    Raises:
        CliError: nothing is published there.
    """
    glue, where = lake.client("glue"), {"DatabaseName": lake.settings.gold_database}
    found = glue.get_table(**where, Name=table.name)["Table"]
    location: str = found["StorageDescriptor"]["Location"]
    if table.partition_by is not None:
        return _fetch_partitions(lake, table, location, folder)
    pointer = pointer_of(location, found.get("Parameters", {}))
    if pointer is None:
        raise CliError(f"Gold table '{table.name}' has never been published", "lake runs")
    files = _fetch(lake, location, folder)
    return GoldFiles(table.name, location, pointer.run_id, pointer.versions, files, _size(files))


def _fetch_partitions(lake: Lake, table: GoldTable, location: str, folder: Path) -> GoldFiles:
    pointer = lake.ledger.pointer(table.pipeline, table.name)
    if pointer is None:
        raise CliError(f"Gold table '{table.name}' has never been published", "lake runs")
    where = {"DatabaseName": lake.settings.gold_database, "TableName": table.name}
    pages = lake.client("glue").get_paginator("get_partitions").paginate(**where)
    partitions = tuple(
        (entry["Values"][0], _fetch(lake, entry["StorageDescriptor"]["Location"], folder))
        for page in pages
        for entry in page["Partitions"]
    )
    files = tuple(path for _, paths in partitions for path in paths)
    column = table.columns[-1]
    return GoldFiles(table.name, location, pointer.run_id, pointer.versions, files, _size(files), partitions, column)


def _fetch(lake: Lake, location: str, folder: Path) -> tuple[Path, ...]:
    s3 = lake.client("s3")
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["Key"].endswith(".parquet"):
                path = folder / f"{hashlib.sha256(entry['Key'].encode()).hexdigest()[:16]}.parquet"
                s3.download_file(bucket, entry["Key"], str(path))
                files.append(path)
    return tuple(files)


def _size(files: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _read(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_text(str(path)) for path in files)}], hive_partitioning = false)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
