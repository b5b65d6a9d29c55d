"""Rows as files under a location, the partitions they make, the table they belong to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from localaws.athena.catalog import Column, Partition, Table
from localaws.athena.errors import QueryError
from localaws.athena.session import Session
from localaws.athena.sql_text import literal, name
from localaws.athena.storage import S3Path, put

_PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_PARQUET_FORMATS = "org.apache.hadoop.hive.ql.io.parquet.MapredParquet{}Format"
_MOST_PARTITIONS = 100


@dataclass(frozen=True)
class Write:
    """Where one query writes and how: `target` is a folder, `encryption` request headers of S3."""

    session: Session
    work: Path
    query_id: str
    encryption: dict[str, str]


def write_files(
    write: Write, select: str, location: S3Path, keys: list[str], compression: str, kind: str = "parquet"
) -> list[tuple[S3Path, tuple[str, ...]]]:
    """Write rows and upload them; gives each file with its partition's values."""
    connection = write.session.connection
    folder = write.work / "written"
    folder.mkdir()
    if not keys:
        options = f"FORMAT {kind}, COMPRESSION {'gzip' if kind == 'json' else compression}"
        connection.execute(f"COPY ({select}) TO {literal(str(folder / '0'))} ({options})")
    else:
        listed = ", ".join(name(key) for key in keys)
        count = connection.execute(f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM ({select}))").fetchall()[0][0]
        if count > _MOST_PARTITIONS:
            raise QueryError(
                f"HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of {_MOST_PARTITIONS} open writers for partitions"
            )
        options = f"FORMAT {kind}, COMPRESSION {compression}, PARTITION_BY ({listed})"
        connection.execute(f"COPY ({select}) TO {literal(str(folder))} ({options})")
    written = []
    for number, local in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        parts = local.relative_to(folder).parts[:-1]
        ending = ".json.gz" if kind == "json" else ""
        target = location.child("".join(f"{part}/" for part in parts) + f"{write.query_id}_{number:05d}{ending}")
        put(
            target,
            local.read_bytes(),
            write.session.caller,
            content_type="application/octet-stream",
            encryption=write.encryption,
        )
        written.append((target, tuple(unquote(part.split("=", 1)[1]) for part in parts)))
    return written


def register_partitions(
    session: Session, table: Table, files: list[tuple[S3Path, tuple[str, ...]]], location: S3Path
) -> None:
    """Register the partitions that the catalog does not have yet."""
    if not table.partition_keys:
        return
    known = {partition.values for partition in session.catalog.partitions(table)}
    for path, values in files:
        if values not in known:
            known.add(values)
            folder = S3Path(path.bucket, path.key.rsplit("/", 1)[0] + "/")
            session.catalog.add_partition(table, Partition(values, folder.url))


def table_input(table: str, columns: list[Column], keys: list[Column], location: S3Path) -> dict[str, Any]:
    return {
        "Name": table,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", "has_encrypted_data": "false"},
        "StorageDescriptor": {
            "Columns": [{"Name": column.name, "Type": column.type} for column in columns],
            "Location": location.url,
            "InputFormat": _PARQUET_FORMATS.format("Input"),
            "OutputFormat": _PARQUET_FORMATS.format("Output"),
            "SerdeInfo": {"SerializationLibrary": _PARQUET_SERDE, "Parameters": {"serialization.format": "1"}},
        },
        "PartitionKeys": [{"Name": column.name, "Type": column.type} for column in keys],
    }
