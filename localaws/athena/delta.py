"""A Delta table's latest version, read from its log alone: which files, with which partition values."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from localaws.athena.access import Caller
from localaws.athena.catalog import Column
from localaws.athena.errors import QueryError, not_supported
from localaws.athena.storage import S3Object, S3Path, fetch, list_objects, parse_url

_UNSUPPORTED_FEATURES = {"deletionVectors", "columnMapping", "v2Checkpoint"}
_HIVE_NAMES = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint", "timestamp_ntz": "timestamp"}


@dataclass(frozen=True)
class DeltaFile:
    """A data file in force and its partition values as the log writes them: text, or None for null."""

    item: S3Object
    partition_values: dict[str, str | None]


@dataclass(frozen=True)
class Snapshot:
    """The latest version of a table. Column types in Hive's spelling, in the order of Delta's schema."""

    version: int
    columns: tuple[Column, ...]
    partition_columns: tuple[str, ...]
    files: tuple[DeltaFile, ...]


def read_snapshot(location: S3Path, caller: Caller, work: Path) -> Snapshot:
    """Copy the log to `work/_delta_log` and read it there with delta-rs, which knows checkpoints.

    Raises:
        QueryError: no Delta table there, a feature that is not supported, or the caller may not read it.
    """
    folder = location.folder()
    log = folder.child("_delta_log/")
    for item in list_objects(log, caller, hidden=True):
        fetch(item, work / "_delta_log" / item.path.key[len(log.key) :], caller)
    try:
        table = DeltaTable(str(work))
    except (TableNotFoundError, DeltaError, OSError) as error:
        raise QueryError(f"DELTA_LAKE_INVALID_SCHEMA: no Delta table at {folder.url}: {error}") from error
    _refuse_unsupported(table, folder)
    metadata = table.metadata()
    fields = json.loads(table.schema().to_json())["fields"]
    columns = tuple(Column(field["name"].lower(), hive_type(field["type"])) for field in fields)
    keys = tuple(name.lower() for name in metadata.partition_columns)
    objects = {item.path.key: item for item in list_objects(folder, caller, hidden=True)}
    return Snapshot(table.version(), columns, keys, tuple(_files(table, work, folder, objects)))


def _files(table: DeltaTable, work: Path, folder: S3Path, objects: dict[str, S3Object]) -> list[DeltaFile]:
    actions = table.get_add_actions(flatten=False)
    paths = actions["path"].to_pylist()
    partitioned = "partition" in actions.schema.names
    partitions: Any = actions["partition"].to_pylist() if partitioned else [{} for _ in paths]
    found = []
    for path, values in zip(paths, partitions, strict=True):
        # The log writes a path as a URI: percent-encoded once more than the object's key.
        key = unquote(parse_url(path).key) if "://" in path else folder.child(unquote(path)).key
        item = objects.get(key)
        if item is None:
            raise QueryError(f"DELTA_LAKE_FILESYSTEM_ERROR: Error opening Hive split s3://{folder.bucket}/{key}")
        texts = {name.lower(): None if value is None else str(value) for name, value in (values or {}).items()}
        found.append(DeltaFile(item, texts))
    return found


def _refuse_unsupported(table: DeltaTable, folder: S3Path) -> None:
    features = set(table.protocol().reader_features or [])
    configuration = table.metadata().configuration
    if configuration.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    used = sorted(features & _UNSUPPORTED_FEATURES)
    if used:
        raise not_supported(f"Delta reader feature {', '.join(used)} of {folder.url}")


def hive_type(kind: Any) -> str:
    """Hive's spelling of a type in Delta's schema JSON."""
    if isinstance(kind, str):
        return _HIVE_NAMES.get(kind, kind)
    if kind["type"] == "array":
        return f"array<{hive_type(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{hive_type(kind['keyType'])},{hive_type(kind['valueType'])}>"
    return f"struct<{','.join(field['name'] + ':' + hive_type(field['type']) for field in kind['fields'])}>"
