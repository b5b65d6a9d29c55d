"""Single changes to a sound lake, in every layer, each with the one finding that an audit must have of it.

They are made by the administrator directly in S3, DynamoDB and Glue, and taken back afterwards.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakehouse import names
from lakehouse.audit.findings import Finding
from lakehouse.ledger.items import FileRecord, SlotState
from lakehouse.silver.slots import SlotFile, SlotSwap
from lakehouse.silver.table import commit_swap
from tests.aws.audit_world import FIRST, SECOND, THIRD, AuditWorld

Apply = Callable[[AuditWorld], AbstractContextManager[object]]
NEW_DAY = "2026-02-02"


@dataclass(frozen=True)
class Change:
    """One change and what is found then: (layer, kind, table), and a part of the key."""

    name: str
    apply: Apply
    layer: str
    kind: str
    table: str
    key: str
    often: bool = False
    """Part of the small sample."""


# --- rows of Parquet files ---


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


def of_rows(layer: str, table: str, what: str, find: Callable[[AuditWorld], str], often: bool = False) -> list[Change]:
    """A row changed, missing and added in a Parquet file; the file gone, or no Parquet file at all."""
    changes = [
        Change(
            f"{what}: {kind}",
            lambda world, change=change: parquet(world, find, change),  # type: ignore[misc]
            layer,
            kind,
            table,
            "",
            often,
        )
        for kind, change in ROWS.items()
    ]
    nulled = Change(f"{what}: null", lambda world: parquet(world, find, null_value), layer, "rows_changed", table, "")
    broken = Change(
        f"{what}: garbage", lambda world: world.other_object(find(world), b"PAR1"), layer, "unreadable", table, ""
    )
    return [*changes, nulled, broken]


# --- where things lie ---


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


# --- objects ---


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


# --- the Delta log ---


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


# --- the ledger ---


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


# --- the catalog ---


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


# --- bronze ---


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


def sale_key(day: str, name: str) -> Callable[[AuditWorld], str]:
    return lambda _: f"bronze/shop/sales/day={day}/{name}"


def shown(table: str, value: str, name: str) -> Callable[[AuditWorld], str]:
    return lambda world: gold_folder(world, table, value or None) + name


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


ROWS_OF = quarantined(SECOND, "b.ndjson", "accepted", "rows.ndjson")
ORIGINAL = quarantined(THIRD, "broken.ndjson", "refused", "original")
VERDICT = quarantined(THIRD, "broken.ndjson", "refused", "verdict.json")
DAY = f"shop#{FIRST}"
FILE = file_item(FIRST, "a.ndjson")
SLOT = slot_item(FIRST, "a.ndjson")

CHANGES: list[Change] = [
    # bronze
    Change(
        "bronze: a newer version that nobody judged",
        changed(sale_key(FIRST, "a.ndjson"), lambda body: body.replace(b"10.00", b"19.00")),
        "bronze",
        "newer_version",
        "sales",
        "day=2026-01-01/a.ndjson",
        often=True,
    ),
    Change("bronze: other bytes", silently_other_bytes, "bronze", "bytes_changed", "sales", "a.ndjson", often=True),
    Change(
        "bronze: a file more", added(sale_key(FIRST, "z.ndjson"), b"{}\n"), "bronze", "never_judged", "sales", "z", True
    ),
    Change("bronze: a day more", added(sale_key(NEW_DAY, "z.ndjson"), b"{}\n"), "bronze", "never_judged", "sales", "z"),
    Change(
        "bronze: a file without a place",
        added(lambda _: "bronze/shop/strange/x", b"x"),
        "bronze",
        "never_judged",
        "_unknown",
        "strange/x",
    ),
    # quarantine
    Change(
        "quarantine: a row changed", changed(ROWS_OF, swap_char), "quarantine", "rows_changed", "sales", "rows", True
    ),
    Change(
        "quarantine: a row missing",
        changed(ROWS_OF, without_last_line),
        "quarantine",
        "rows_missing",
        "sales",
        "rows",
        True,
    ),
    Change(
        "quarantine: a row more",
        changed(ROWS_OF, with_first_line_twice),
        "quarantine",
        "rows_added",
        "sales",
        "rows",
        True,
    ),
    Change("quarantine: no rows", removed(ROWS_OF), "quarantine", "object_gone", "sales", "rows.ndjson"),
    Change("quarantine: original changed", changed(ORIGINAL, swap_char), "quarantine", "content", "sales", "original"),
    Change("quarantine: no original", removed(ORIGINAL), "quarantine", "object_gone", "sales", "original"),
    Change(
        "quarantine: verdict changed", changed(VERDICT, swap_char), "quarantine", "content", "sales", "verdict.json"
    ),
    Change("quarantine: no verdict", removed(VERDICT), "quarantine", "object_gone", "sales", "verdict.json"),
    Change(
        "quarantine: an object more",
        added(quarantined(FIRST, "a.ndjson", "accepted", "rows.ndjson"), b"{}\n"),
        "quarantine",
        "foreign_object",
        "sales",
        "rows.ndjson",
    ),
    # silver
    *of_rows("silver", "sales", "silver file", silver_of(FIRST, "a.ndjson"), often=True),
    *of_rows("silver", "sales", "former silver file", silver_of(THIRD, "a.ndjson", former=True)),
    *of_rows("silver", "sales", "compacted file", compacted),
    *of_rows("silver", "sales", "member of a compacted file", silver_of(SECOND, "a.ndjson")),
    Change("silver: no file", removed(silver_of(FIRST, "a.ndjson")), "silver", "object_gone", "sales", "data/", True),
    Change("silver: no compacted file", removed(compacted), "silver", "object_gone", "sales", "compact-"),
    Change(
        "silver: not active",
        lambda world: delta_commit(world, delta_without),
        "silver",
        "not_active",
        "sales",
        "data/",
        True,
    ),
    Change(
        "silver: a foreign file active",
        lambda world: delta_commit(world, delta_with_former),
        "silver",
        "foreign_active",
        "sales",
        "data/",
        often=True,
    ),
    Change(
        "silver: other rows in the log",
        lambda world: delta_commit(world, delta_figures),
        "silver",
        "delta_figures",
        "sales",
        "",
    ),
    # gold
    *of_rows("gold", "city_totals", "gold table", gold_of("city_totals"), often=True),
    *of_rows("gold", "best_city", "following table", gold_of("best_city")),
    *of_rows("gold", "sales_by_day", "partition", gold_of("sales_by_day", SECOND)),
    *of_rows("gold", "day_totals", "following partition", gold_of("day_totals", FIRST)),
    Change("gold: no file", removed(gold_of("city_totals")), "gold", "rows_missing", "city_totals", "run="),
    Change(
        "gold: no file in a partition",
        removed(gold_of("sales_by_day", FIRST)),
        "gold",
        "rows_missing",
        "sales_by_day",
        FIRST,
    ),
    Change(
        "gold: an empty file more",
        lambda world: world.other_object(shown("city_totals", "", "x.parquet")(world), empty_parquet()),
        "gold",
        "foreign_object",
        "city_totals",
        "run=",
        often=True,
    ),
    Change(
        "gold: the same file twice",
        lambda world: world.other_object(
            shown("sales_by_day", FIRST, "y.parquet")(world), world.body(gold_of("sales_by_day", FIRST)(world))
        ),
        "gold",
        "rows_added",
        "sales_by_day",
        FIRST,
    ),
    Change(
        "gold: a file in the root",
        added(lambda _: "gold/shop/sales_by_day/root/x.parquet", b"x"),
        "gold",
        "foreign_object",
        "sales_by_day",
        "root/",
    ),
    Change(
        "csv changed",
        lambda w: changed(lambda w: csv_of(w, "city_totals"), swap_char)(w),
        "gold",
        "content",
        "city_totals",
        "csv",
        True,
    ),
    Change(
        "csv: a line less",
        lambda w: changed(lambda w: csv_of(w, "city_totals"), without_last_line)(w),
        "gold",
        "content",
        "city_totals",
        "csv",
    ),
    Change(
        "csv gone", lambda w: removed(lambda w: csv_of(w, "best_city"))(w), "gold", "object_gone", "best_city", "csv"
    ),
    Change(
        "catalog: another folder",
        lambda world: other_table(world, "city_totals"),
        "gold",
        "pointer",
        "city_totals",
        "",
        True,
    ),
    Change(
        "catalog: another partition",
        lambda world: other_partition(world, "sales_by_day", FIRST, f"s3://{world.bucket}/gold/shop/none/"),
        "gold",
        "pointer",
        "sales_by_day",
        FIRST,
    ),
    Change(
        "catalog: no partition",
        lambda w: other_partition(w, "day_totals", FIRST, None),
        "gold",
        "pointer",
        "day_totals",
        FIRST,
        True,
    ),
    Change(
        "catalog: a partition more",
        lambda w: one_partition_more(w, "day_totals", NEW_DAY),
        "gold",
        "pointer",
        "day_totals",
        NEW_DAY,
    ),
    Change(
        "ledger: another folder",
        item("_gold#shop", lambda _: "TABLE#city_totals", setting("location", S="s3://elsewhere/")),
        "gold",
        "pointer",
        "city_totals",
        "",
    ),
    Change(
        "ledger: no pointer", item("_gold#shop", lambda _: "TABLE#best_city", None), "gold", "pointer", "best_city", ""
    ),
    Change(
        "ledger: no partition",
        item("_gold#shop", lambda _: f"PART#sales_by_day#{FIRST}", None),
        "gold",
        "pointer",
        "sales_by_day",
        FIRST,
    ),
    # ledger
    *(
        Change(
            f"file: {field}",
            item(DAY, FILE, setting(field, N="77")),
            "ledger",
            "record",
            "sales",
            "FILE#",
            field == "rows_in",
        )
        for field in ("rows_in", "rows_accepted", "rows_quarantined", "rows_duplicate", "bytes", "parquet_bytes")
    ),
    Change("file: version", item(DAY, FILE, setting("version_id", S="none")), "ledger", "record", "sales", "FILE#"),
    Change("file: hash", item(DAY, FILE, setting("content_sha256", S="0" * 64)), "ledger", "record", "sales", "FILE#"),
    Change("file: verdict", item(DAY, FILE, setting("verdict", S="refused")), "ledger", "record", "sales", "FILE#"),
    Change("file: no item", item(DAY, FILE, None), "ledger", "missing_item", "sales", "FILE#", True),
    Change(
        "refused file: message",
        item(f"shop#{THIRD}", file_item(THIRD, "broken.ndjson", verdict="refused"), setting("message", S="fine")),
        "ledger",
        "record",
        "sales",
        "FILE#",
    ),
    *(
        Change(
            f"slot: {field}",
            item(DAY, SLOT, setting(field, N="77")),
            "ledger",
            "record",
            "sales",
            "SLOT#",
            field == "in_force_rows",
        )
        for field in ("in_force_rows", "in_force_bytes", "in_force_parquet_bytes")
    ),
    *(
        Change(f"slot: {field}", item(DAY, SLOT, setting(field, S="other")), "ledger", "record", "sales", "SLOT#")
        for field in ("judged_version_id", "in_force_version_id", "contract_hash", "reason", "verdict")
    ),
    Change("slot: no item", item(DAY, SLOT, None), "ledger", "missing_item", "sales", "SLOT#", True),
    *(
        Change(
            f"batch: {field}",
            item(DAY, lambda _: "BATCH", batch_entry(field, "77")),
            "ledger",
            "record",
            "sales",
            "BATCH",
            field == "rows",
        )
        for field in ("rows", "bytes", "parquet_bytes", "revision")
    ),
    Change("batch: an entry less", item(DAY, lambda _: "BATCH", no_entry), "ledger", "missing_item", "sales", "BATCH"),
    Change(
        "batch: an entry more", item(DAY, lambda _: "BATCH", one_entry_more), "ledger", "foreign_item", "sales", "BATCH"
    ),
    Change("batch: no item", item(DAY, lambda _: "BATCH", None), "ledger", "missing_item", "", "BATCH", True),
    Change(
        "batch: never started",
        item(DAY, lambda _: "BATCH", setting("generation", N="9")),
        "ledger",
        "not_started",
        "",
        "BATCH",
        True,
    ),
    Change("run: no item", item(DAY, run_item(FIRST), None), "ledger", "missing_item", "", "RUN#"),
    Change("run: failed", item(DAY, run_item(FIRST), setting("status", S="failed")), "ledger", "run_open", "", "RUN#"),
    Change("run: balance", item(DAY, run_item(FIRST), balance_figure), "ledger", "unbalanced", "sales", "RUN#"),
    Change(
        "run: rows of gold",
        item(f"shop#{THIRD}", run_item(THIRD), gold_figure("city_totals", "rows")),
        "ledger",
        "record",
        "city_totals",
        "RUN#",
    ),
    Change(
        "run: bytes of gold",
        item(f"shop#{THIRD}", run_item(THIRD), gold_figure("best_city", "bytes")),
        "ledger",
        "record",
        "best_city",
        "RUN#",
    ),
    Change(
        "partition: rows",
        item("_gold#shop", lambda _: f"PART#sales_by_day#{FIRST}", setting("rows", N="77")),
        "ledger",
        "record",
        "sales_by_day",
        "PART#",
    ),
]


def must_find(world: AuditWorld, change: Change) -> None:
    """Make the change: an audit of the pipeline has exactly its finding, with a way to mend it."""
    with change.apply(world):
        found = [step for step in world.audit("shop") if isinstance(step, Finding)]
    assert [(one.layer, one.kind, one.table) for one in found] == [(change.layer, change.kind, change.table)], found
    (one,) = found
    assert change.key in one.key
    assert one.pipeline in ("shop", names.UNKNOWN)
    assert one.found != one.expected
    assert one.mend
