"""Partitioned gold: each partition shows the files of one run, and never older ones after newer ones.

Glue can neither compare and swap a partition nor say that an empty one is newer than another. So the ledger decides: a
partition's item gives way only to no older silver versions. Then the catalog's partition is made equal to the item, and
both are read again until they agree: of two publishers who write the catalog in the wrong order, the one who wrote last
sees what the other has put into the ledger, and corrects itself. One that dies before that is repeated, and the repeat
does the same. Between the two steps readers see the older files, whole.
"""

import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldPartition, PartitionPointer, now
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.publish.catalog import Catalog, CatalogPartition, CatalogTable

MAX_TRIES = 30
AT_ONCE = 4
"""Partitions that are published at the same time."""


def publish_partitions(
    catalog: Catalog,
    ledger: Ledger,
    pipeline: str,
    table: str,
    made: Mapping[str, GoldPartition],
    run_id: str,
    versions: Mapping[str, int],
) -> dict[str, bool]:
    """Show a run's partitions (by value) where they are not older than what is shown; is each of them shown now?

    Harmless to repeat.

    Raises:
        PublishError: a partition kept changing for `MAX_TRIES` tries.
    """
    definition = catalog.read(table)
    offered = [
        PartitionPointer(
            pipeline=pipeline,
            table=table,
            value=value,
            location=one.location,
            rows=one.rows,
            bytes=one.bytes,
            run_id=run_id,
            versions=dict(versions),
            version_sum=sum(versions.values()),
            at=now(),
        )
        for value, one in sorted(made.items())
    ]

    def publish(pointer: PartitionPointer) -> bool:
        ledger.put_partition(pointer)
        shown = settle(catalog, ledger, definition, pointer)
        fields = {"pipeline": pipeline, "table": table, "partition": pointer.value}
        log("gold_partition", **fields, run_id=shown.run_id, offered_run_id=run_id, rows=shown.rows)
        return shown.location == pointer.location

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((pointer.value for pointer in offered), pool.map(publish, offered), strict=True))


def restore_partitions(catalog: Catalog, ledger: Ledger, pipeline: str, table: str) -> int:
    """Make the catalog's partitions of a table equal to what the ledger says; how many were not."""
    remembered = list(ledger.partitions(pipeline, table))
    if not remembered:
        return 0
    shown = {partition.value: partition for partition in catalog.partitions(table)}
    strange = [pointer for pointer in remembered if shown.get(pointer.value) != wanted(pointer)]
    definition = catalog.read(table)
    for pointer in strange:
        settle(catalog, ledger, definition, pointer)
    return len(strange)


def settle(catalog: Catalog, ledger: Ledger, table: CatalogTable, pointer: PartitionPointer) -> PartitionPointer:
    """Make the catalog's partition equal to the ledger's item, until both agree; the item then."""
    for attempt in range(1, MAX_TRIES + 1):
        decided = ledger.partition(pointer.pipeline, pointer.table, pointer.value) or pointer
        shown, want = catalog.partition(pointer.table, pointer.value), wanted(decided)
        if shown == want:
            return decided
        if attempt > 2:  # others are at it: the first two rounds are our own write and the look after it
            time.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))
        if want is None:
            catalog.delete_partition(table.name, pointer.value)
        elif shown is None:
            catalog.create_partition(table, want)
        else:
            catalog.update_partition(table, want)
    raise PublishError(f"Partition {pointer.value} of gold table {pointer.table} kept changing, {MAX_TRIES} times")


def wanted(pointer: PartitionPointer) -> CatalogPartition | None:
    """What the catalog should say of a partition: nothing when it has no row."""
    return CatalogPartition(pointer.value, pointer.location, pointer.run_id) if pointer.rows else None
