"""Where the parts of the audited lake lie, by the names that its tests give them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from lakehouse import names
from lakehouse.ledger.items import FileRecord, SlotState
from tests.aws.audit_world import AuditWorld

Apply = Callable[[AuditWorld], AbstractContextManager[object]]
"""Makes a change and takes it back."""


def sale_key(day: str, name: str) -> Callable[[AuditWorld], str]:
    return lambda _: f"bronze/shop/sales/day={day}/{name}"


def shown(table: str, value: str, name: str) -> Callable[[AuditWorld], str]:
    return lambda world: gold_folder(world, table, value or None) + name


def record(world: AuditWorld, batch: str, name: str, verdict: str = "accepted", former: bool = False) -> FileRecord:
    """The record of a file of the shop; of several contents of a slot the one that counts, or a former one."""
    slot = slot_of(world, batch, name)
    found = [
        file
        for file in world.ledger.files_of("shop", batch)
        if file.key.endswith(name) and file.verdict == verdict and (file.file_id != slot.file_id) == former
    ]
    (one,) = found
    return one


def slot_of(world: AuditWorld, batch: str, name: str) -> SlotState:
    (found,) = [one for one in world.ledger.slots("shop") if one.batch == batch and one.key.endswith(name)]
    return found


def silver_of(batch: str, name: str, former: bool = False) -> Callable[[AuditWorld], str]:
    """Key of a silver file."""

    def find(world: AuditWorld) -> str:
        file = record(world, batch, name, former=former)
        return names.silver_prefix("shop", "sales") + names.silver_data_path(file.file_id)

    return find


def compacted(world: AuditWorld) -> str:
    (key,) = world.keys("silver/shop/sales/data/compact-")
    return key


def gold_of(table: str, value: str | None = None) -> Callable[[AuditWorld], str]:
    """Key of a gold file that readers see."""

    def find(world: AuditWorld) -> str:
        return gold_folder(world, table, value) + "part-00000.parquet"

    return find


def gold_folder(world: AuditWorld, table: str, value: str | None = None) -> str:
    found = world.ledger.partition("shop", table, value) if value else world.ledger.pointer("shop", table)
    assert found is not None
    return found.location.removeprefix(f"s3://{world.bucket}/")


def csv_of(world: AuditWorld, table: str) -> str:
    pointer = world.ledger.pointer("shop", table)
    assert pointer is not None
    assert pointer.csv is not None
    return pointer.csv.removeprefix(f"s3://{world.bucket}/")


def quarantined(batch: str, name: str, verdict: str, part: str) -> Callable[[AuditWorld], str]:
    """Key of an object in quarantine."""

    def find(world: AuditWorld) -> str:
        file = record(world, batch, name, verdict)
        return names.quarantine_prefix("shop", "sales", file.file_id) + part

    return find
