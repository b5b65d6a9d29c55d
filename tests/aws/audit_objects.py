"""How an administrator changes objects and rows: in bronze, silver, quarantine, gold and the Delta log."""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakehouse import names
from lakehouse.silver.slots import SlotFile, SlotSwap
from lakehouse.silver.table import commit_swap
from tests.aws.audit_entries import setting
from tests.aws.audit_places import Apply, record, slot_of
from tests.aws.audit_world import FIRST, THIRD, AuditWorld


def other_value(table: pa.Table) -> pa.Table:
    """One value of the first row is another one, of the same type and length."""
    place = table.schema.get_field_index("amount")
    column = table.column(place).combine_chunks()
    first = pc.add(column.slice(0, 1), pa.scalar(column[0].as_py()).cast(column.type)).cast(column.type)
    return table.set_column(place, table.schema.field(place), pa.chunked_array([first, column.slice(1)]))


def no_row(table: pa.Table) -> pa.Table:
    """The last row is missing."""
    return table.slice(0, table.num_rows - 1)


def twice(table: pa.Table) -> pa.Table:
    """The first row is there twice."""
    return pa.concat_tables([table, table.slice(0, 1)])


def null_value(table: pa.Table) -> pa.Table:
    """One value of the first row is gone."""
    place = table.schema.get_field_index("amount")
    column = table.column(place).combine_chunks()
    first = pa.nulls(1, column.type)
    field = table.schema.field(place).with_nullable(True)
    return table.set_column(place, field, pa.chunked_array([first, column.slice(1)]))


ROWS = {"rows_changed": other_value, "rows_missing": no_row, "rows_added": twice}


def parquet(world: AuditWorld, find: Callable[[AuditWorld], str], change: Callable[[pa.Table], pa.Table]) -> Any:
    """Another Parquet file in the place of one."""
    key = find(world)
    table = change(pq.read_table(io.BytesIO(world.body(key))))
    target = io.BytesIO()
    pq.write_table(table, target, version="2.6", compression="zstd", compression_level=1, use_dictionary=False)
    return world.other_object(key, target.getvalue())


def changed(find: Callable[[AuditWorld], str], change: Callable[[bytes], bytes | None]) -> Apply:
    """Other bytes at a key; None removes it."""

    def apply(world: AuditWorld) -> AbstractContextManager[object]:
        key = find(world)
        return world.other_object(key, change(world.body(key)))

    return apply


def added(find: Callable[[AuditWorld], str], body: bytes) -> Apply:
    """One object more."""
    return lambda world: world.other_object(find(world), body)


def removed(find: Callable[[AuditWorld], str]) -> Apply:
    return changed(find, lambda _: None)


def without_last_line(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[:-1])


def with_first_line_twice(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join([*lines[:1], *lines])


@contextmanager
def delta_commit(world: AuditWorld, swap: Callable[[AuditWorld, list[SlotFile]], SlotSwap]) -> Iterator[None]:
    """One foreign transaction, taken back afterwards."""
    from lakehouse.silver.table import active_files

    table = DeltaTable(world.store.uri("shop", "sales"), storage_options=dict(world.store.options))
    version = commit_swap(table, swap(world, active_files(table)))
    try:
        yield
    finally:
        key = f"silver/shop/sales/_delta_log/{version:020d}.json"
        for one in world.s3.list_object_versions(Bucket=world.bucket, Prefix=key)["Versions"]:
            world.s3.delete_object(Bucket=world.bucket, Key=key, VersionId=one["VersionId"])


def _of_first(files: list[SlotFile]) -> SlotFile:
    return next(file for file in files if file.batch == FIRST)


def delta_without(_: AuditWorld, files: list[SlotFile]) -> SlotSwap:
    return SlotSwap((), (_of_first(files),))


def delta_with_former(world: AuditWorld, files: list[SlotFile]) -> SlotSwap:
    file = record(world, THIRD, "a.ndjson", former=True)
    path = names.silver_data_path(file.file_id)
    return SlotSwap((SlotFile(FIRST, "bronze/shop/foreign", path, file.rows_accepted, file.parquet_bytes),), ())


def delta_figures(_: AuditWorld, files: list[SlotFile]) -> SlotSwap:
    one = _of_first(files)
    return SlotSwap((SlotFile(one.batch, one.slot, one.path, one.rows + 1, one.bytes),), ())


@contextmanager
def silently_other_bytes(world: AuditWorld) -> Iterator[None]:
    """Other bytes in a new version, and the ledger's version ids changed to it: nothing but the hash can tell."""
    slot = slot_of(world, FIRST, "a.ndjson")
    body = world.body(slot.key).replace(b"10.00", b"19.00")
    pk = f"shop#{FIRST}"
    with ExitStack() as stack:
        stack.enter_context(world.other_object(slot.key, body))
        version = world.s3.head_object(Bucket=world.bucket, Key=slot.key)["VersionId"]
        file = f"FILE#{slot.file_id}"

        def both(found: Any) -> None:
            found["judged_version_id"] = found["in_force_version_id"] = {"S": version}

        stack.enter_context(world.other_item(pk, file, setting("version_id", S=version)))
        stack.enter_context(world.other_item(pk, f"SLOT#{slot.slot_id}", both))
        yield


def empty_parquet() -> bytes:
    target = io.BytesIO()
    schema = pa.schema(
        [
            ("city", pa.string()),
            ("note", pa.string()),
            ("sales", pa.int64()),
            ("amount", pa.decimal128(18, 2)),
            ("last_sold_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    pq.write_table(schema.empty_table(), target)
    return target.getvalue()


def swap_char(body: bytes) -> bytes:
    """One digit is another: the same size."""
    place = max(body.rfind(digit) for digit in (b"0", b"1", b"2", b"5"))
    return body[:place] + (b"7" if body[place : place + 1] != b"7" else b"8") + body[place + 1 :]
