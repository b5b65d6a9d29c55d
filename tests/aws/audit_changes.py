"""Single changes to a sound lake, in every layer, each with the one finding that an audit must have of it.

They are made by the administrator directly in S3, DynamoDB and Glue, and taken back afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse import names
from lakehouse.audit.findings import Finding
from tests.aws.audit_entries import (
    balance_figure,
    batch_entry,
    file_item,
    gold_figure,
    item,
    no_entry,
    one_entry_more,
    one_partition_more,
    other_partition,
    other_table,
    run_item,
    setting,
    slot_item,
)
from tests.aws.audit_objects import (
    ROWS,
    added,
    changed,
    delta_commit,
    delta_figures,
    delta_with_former,
    delta_without,
    empty_parquet,
    null_value,
    parquet,
    removed,
    silently_other_bytes,
    swap_char,
    with_first_line_twice,
    without_last_line,
)
from tests.aws.audit_places import Apply, compacted, csv_of, gold_of, quarantined, sale_key, shown, silver_of
from tests.aws.audit_world import FIRST, SECOND, THIRD, AuditWorld

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
