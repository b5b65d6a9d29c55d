"""What a crawl changes in the catalog, by the crawler's policies. Pure.

*AWS*: https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html: UPDATE_IN_DATABASE makes the
table what was found (or only adds columns: MergeNewColumns) and drops what the crawler does not set; LOG leaves
existing tables alone and adds only tables and partitions. What is gone is deleted, marked as deprecated, or logged.
*Here*: as on AWS; a column's comment stays while its type does, and a table that a crawler was pointed at by name keeps
all parameters that the crawler does not set.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localaws.crawlers.definitions import DEPRECATED, STATISTICS, Input

_COMPARED = ("StorageDescriptor", "PartitionKeys", "Parameters")


@dataclass(frozen=True)
class Policy:
    """A crawler's SchemaChangePolicy, RecrawlPolicy and the output part of its Configuration."""

    update: str = "UPDATE_IN_DATABASE"
    delete: str = "DEPRECATE_IN_DATABASE"
    new_folders_only: bool = False
    merge_new_columns: bool = False
    partitions_inherit: bool = False


@dataclass
class Counts:
    """What the event of the crawl's end reports."""

    tables_created: int = 0
    tables_updated: int = 0
    tables_deleted: int = 0
    partitions_created: int = 0
    partitions_updated: int = 0
    partitions_deleted: int = 0


@dataclass(frozen=True)
class PartitionChanges:
    """By values."""

    create: list[Input] = field(default_factory=list)
    update: list[Input] = field(default_factory=list)
    gone: list[Input] = field(default_factory=list)
    """As the catalog has them."""


def updated_table(existing: Mapping[str, Any], found: Input, policy: Policy, keep_parameters: bool) -> Input | None:
    """The table's new definition; None where nothing changes."""
    columns = found["StorageDescriptor"]["Columns"]
    held = existing.get("StorageDescriptor", {}).get("Columns", [])
    if policy.merge_new_columns:
        known = {column["Name"] for column in held}
        columns = [*held, *(column for column in columns if column["Name"] not in known)]
    made = dict(found)
    made["StorageDescriptor"] = {**found["StorageDescriptor"], "Columns": _commented(columns, held)}
    made["PartitionKeys"] = _commented(found["PartitionKeys"], existing.get("PartitionKeys", []))
    if keep_parameters:
        made["Parameters"] = {**existing.get("Parameters", {}), **found["Parameters"]}
        made["Parameters"].pop(DEPRECATED, None)
        made["StorageDescriptor"] = {**existing.get("StorageDescriptor", {}), **made["StorageDescriptor"]}
    for name in ("Description", "Owner"):
        if existing.get(name):
            made[name] = existing[name]
    return None if all(_same(existing.get(part), made.get(part)) for part in _COMPARED) else made


def counts_as_update(existing: Mapping[str, Any], made: Input) -> bool:
    """Whether more than the statistics changes."""
    return not all(
        _same(_without_statistics(existing.get(part)), _without_statistics(made[part])) for part in _COMPARED
    )


def partition_changes(
    existing: Sequence[Mapping[str, Any]], found: Sequence[Input], inside: str, only_new: bool
) -> PartitionChanges:
    """Partitions to make, to change, and those below `inside` (an S3 address) that are no longer there."""
    held = {tuple(partition["Values"]): partition for partition in existing}
    wanted = {tuple(partition["Values"]): partition for partition in found}
    create = [partition for values, partition in wanted.items() if values not in held]
    if only_new:
        return PartitionChanges(create)
    update = [
        partition
        for values, partition in wanted.items()
        if values in held and not _same_partition(held[values], partition)
    ]
    gone = [
        dict(partition)
        for values, partition in held.items()
        if values not in wanted and partition.get("StorageDescriptor", {}).get("Location", "").startswith(inside)
    ]
    return PartitionChanges(create, update, gone)


def deprecated(definition: Mapping[str, Any]) -> dict[str, str] | None:
    """The parameters of what is marked as deprecated; None where it is already."""
    parameters = dict(definition.get("Parameters") or {})
    if DEPRECATED in parameters:
        return None
    return {**parameters, DEPRECATED: str(int(time.time() * 1000))}


def _same_partition(held: Mapping[str, Any], found: Input) -> bool:
    return _same(held.get("StorageDescriptor"), found["StorageDescriptor"]) and _same(
        held.get("Parameters"), found["Parameters"]
    )


def _same(held: Any, made: Any) -> bool:
    """Equal, where what is empty and what is not there are the same."""
    return bool(_stripped(held) == _stripped(made))


def _stripped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _stripped(inner) for name, inner in value.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [_stripped(inner) for inner in value]
    return value


def _without_statistics(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_statistics(inner) for name, inner in value.items() if name not in STATISTICS}
    return value


def _commented(columns: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = {(column["Name"], column.get("Type")): column for column in held}
    return [dict(known.get((column["Name"], column["Type"]), column)) for column in columns]
