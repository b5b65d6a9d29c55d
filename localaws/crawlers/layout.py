"""Which folders are tables and which are partitions. Pure.

As AWS Glue describes it
(https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-folder-table-partition.html): the include path is one table where
the schemas below it are of one format and similar, else each folder below is looked at in the same way. The levels
between a table's folder and its files are partition keys, named by `key=value` folders or `partition_0`, `partition_1`.
With `CombineCompatibleSchemas` similarity does not count, with `TableLevelConfiguration` the level of a table is given.
*Simplified*: AWS asks for the majority of the schemas to be similar, here all must be; files of one folder that do not
fit together become a table each.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from localaws.crawlers.schema import CrawledFile, Schema, Statistics, merged, total

_HIVE_FOLDER = re.compile(r"([^=/]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Grouping:
    """The crawler's `Configuration.Grouping`."""

    combine: bool = False
    table_level: int | None = None
    """1 is the bucket."""


@dataclass(frozen=True)
class FoundPartition:
    """One partition: the values of its keys, its folder (key prefix with slash), its own schema."""

    values: tuple[str, ...]
    prefix: str
    schema: Schema
    statistics: Statistics


@dataclass(frozen=True)
class FoundTable:
    """A table that the files make. `prefix` is its folder's key with slash, or the key of its only file."""

    prefix: str
    schema: Schema
    partition_keys: tuple[str, ...]
    partitions: tuple[FoundPartition, ...]
    statistics: Statistics


def find_tables(bucket: str, include: str, files: Sequence[CrawledFile], grouping: Grouping) -> list[FoundTable]:
    """The tables below an include path (a key prefix that ends in a slash, or empty)."""
    if not files:
        return []
    if grouping.table_level is None:
        return _tables(include, files, grouping.combine)
    folders = defaultdict(list)
    depth = grouping.table_level - 1
    for file in files:
        parts = file.key.split("/")[:-1][:depth]
        folders["".join(f"{part}/" for part in parts)].append(file)
    return [table for prefix, inside in sorted(folders.items()) for table in _tables(prefix, inside, grouping.combine)]


def _tables(prefix: str, files: Sequence[CrawledFile], combine: bool) -> list[FoundTable]:
    depths = {file.key[len(prefix) :].count("/") for file in files}
    if len(depths) == 1 and _fit(files, combine):
        return [_table(prefix, files, depths.pop())]
    folders = defaultdict(list)
    for file in files:
        folder, slash, _ = file.key[len(prefix) :].partition("/")
        folders[f"{prefix}{folder}/" if slash else prefix].append(file)
    direct = folders.pop(prefix, [])
    found = [table for folder, inside in sorted(folders.items()) for table in _tables(folder, inside, combine)]
    if not direct:
        return found
    if _fit(direct, combine):
        return [_table(prefix, direct, 0), *found]
    return [_table(file.key, [file], 0) for file in direct] + found


def _fit(files: Sequence[CrawledFile], combine: bool) -> bool:
    schema = files[0].schema
    for file in files[1:]:
        if not schema.compatible(file.schema) or not (combine or schema.similar(file.schema)):
            return False
        schema = schema.merged(file.schema)
    return True


def _table(prefix: str, files: Sequence[CrawledFile], depth: int) -> FoundTable:
    schema = merged(file.schema for file in files)
    if not depth:
        return FoundTable(prefix, schema, (), (), total(files))
    folders: dict[tuple[str, ...], list[CrawledFile]] = defaultdict(list)
    for file in files:
        folders[tuple(file.key[len(prefix) :].split("/")[:-1])].append(file)
    keys = _key_names(list(folders))
    partitions = tuple(
        FoundPartition(
            tuple(_value(name, part) for name, part in zip(keys, parts, strict=True)),
            prefix + "".join(f"{part}/" for part in parts),
            merged(file.schema for file in inside),
            total(inside),
        )
        for parts, inside in sorted(folders.items())
    )
    return FoundTable(prefix, schema, keys, partitions, total(files))


def _key_names(folders: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    names = []
    for level, parts in enumerate(zip(*folders, strict=True)):
        found = {match[1].lower() if (match := _HIVE_FOLDER.fullmatch(part)) else None for part in parts}
        name = found.pop() if len(found) == 1 else None
        names.append(name or f"partition_{level}")
    return tuple(names)


def _value(key: str, folder: str) -> str:
    match = _HIVE_FOLDER.fullmatch(folder)
    return unquote(match[2]) if match and match[1].lower() == key else folder
