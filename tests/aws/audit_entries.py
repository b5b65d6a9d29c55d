"""How an administrator changes what the ledger and the catalog say."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.aws.audit_places import Apply, record, slot_of
from tests.aws.audit_world import FIRST, AuditWorld


def item(pk: str, sk: Callable[[AuditWorld], str], change: Callable[[Any], object] | None) -> Apply:
    return lambda world: world.other_item(pk, sk(world), change)


def setting(field: str, **value: str) -> Callable[[Any], object]:
    """Change one attribute of an item."""
    return lambda found: found.__setitem__(field, value)


def file_item(batch: str, name: str, **kwargs: Any) -> Callable[[AuditWorld], str]:
    return lambda world: f"FILE#{record(world, batch, name, **kwargs).file_id}"


def slot_item(batch: str, name: str) -> Callable[[AuditWorld], str]:
    return lambda world: f"SLOT#{slot_of(world, batch, name).slot_id}"


def batch_entry(field: str, value: str) -> Callable[[Any], object]:
    """Change one number of the only entry of a batch."""

    def change(found: Any) -> None:
        (entry,) = found["slots"]["M"].values()
        entry["M"][field] = {"N": value}

    return change


def no_entry(found: Any) -> None:
    found["slots"]["M"].clear()


def one_entry_more(found: Any) -> None:
    (entry,) = found["slots"]["M"].values()
    other = json.loads(json.dumps(entry))
    other["M"]["key"] = {"S": "bronze/shop/sales/day=2026-01-01/none.ndjson"}
    found["slots"]["M"]["f" * 32] = other


def run_item(batch: str) -> Callable[[AuditWorld], str]:
    return lambda world: f"RUN#{world.ledger.batch('shop', batch).run_id}"


def gold_figure(table: str, field: str, value: str | None = None) -> Callable[[Any], object]:
    """Another number in what a run says of its gold."""

    def change(found: Any) -> None:
        result = found["gold"]["M"][table]["M"]
        if value is not None:
            result = result["partitions"]["M"][value]["M"]
        result[field] = {"N": str(int(result[field]["N"]) + 1)}

    return change


def balance_figure(found: Any) -> None:
    found["balance"]["M"]["sales"]["M"]["quarantined"] = {"N": "1"}


@contextmanager
def other_table(world: AuditWorld, table: str) -> Iterator[None]:
    """The catalog's table points at another folder."""
    before = world.catalog.read(table)
    given = {name: value for name, value in before.definition.items() if name in _TABLE_INPUT}
    storage = {**given["StorageDescriptor"], "Location": f"s3://{world.bucket}/gold/shop/{table}/run=none/other/"}
    world.glue.update_table(DatabaseName=world.database, TableInput={**given, "StorageDescriptor": storage})
    try:
        yield
    finally:
        world.glue.update_table(DatabaseName=world.database, TableInput=given)


_TABLE_INPUT = ("Name", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")


@contextmanager
def other_partition(world: AuditWorld, table: str, value: str, location: str | None) -> Iterator[None]:
    """The catalog's partition points at another folder, or (None) is gone."""
    definition, before = world.catalog.read(table), world.catalog.partition(table, value)
    assert before is not None
    if location is None:
        world.catalog.delete_partition(table, value)
    else:
        world.catalog.update_partition(definition, type(before)(value, location, before.run_id))
    try:
        yield
    finally:
        world.catalog.create_partition(definition, before)
        world.catalog.update_partition(definition, before)


@contextmanager
def one_partition_more(world: AuditWorld, table: str, value: str) -> Iterator[None]:
    definition = world.catalog.read(table)
    there = world.catalog.partition(table, FIRST)
    assert there is not None
    world.catalog.create_partition(definition, type(there)(value, there.location, there.run_id))
    try:
        yield
    finally:
        world.catalog.delete_partition(table, value)
