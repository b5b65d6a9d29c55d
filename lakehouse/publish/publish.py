"""The last step of a run: let people see its gold, unless they see newer gold already."""

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldPointer, GoldResult, now
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.partitions import publish_partitions, restore_partitions
from lakehouse.publish.pointer import Pointer, pointer_to_show

MAX_TRIES = 30
Outcome = Literal["published", "superseded"]


@dataclass(frozen=True)
class Shown:
    """How publishing one table ended."""

    location: str
    """Where the table lies: a run's folder, or a partitioned table's root."""
    whole: bool
    """All that the run brings is shown."""
    any: bool
    """At least a part of it is: others may have published newer partitions."""

    @property
    def outcome(self) -> Outcome:
        return "published" if self.whole else "superseded"


def publish_run(
    catalog: Catalog,
    ledger: Ledger,
    pipeline: str,
    run_id: str,
    gold: Mapping[str, GoldResult],
    versions: Mapping[str, int],
) -> dict[str, Shown]:
    """Show a run's gold tables (result by table name) where they are not older than what is shown; how each ended.

    Harmless to repeat.

    Raises:
        PublishError: a table kept changing for `MAX_TRIES` tries.
    """
    return {
        table: _publish(catalog, ledger, pipeline, run_id, table, result, versions)
        for table, result in sorted(gold.items())
    }


def outcome_of(shown: Iterable[Shown]) -> Outcome:
    """`superseded` when at least one of the tables shows newer files of another run."""
    return "published" if all(table.whole for table in shown) else "superseded"


def restore_pointers(catalog: Catalog, ledger: Ledger, pipeline: str, tables: Iterable[str]) -> list[str]:
    """Point tables that the catalog has forgotten (a stack update resets them) where the ledger remembers, and make
    partitions again that are gone.

    Returns the names of the tables of which something was restored.

    Raises:
        PublishError: a table kept changing for `MAX_TRIES` tries.
    """
    restored = []
    for table in tables:
        remembered = _remembered(ledger, pipeline, table)
        forgotten = remembered is not None and catalog.read(table).pointer is None
        if remembered and forgotten:
            _publish_table(catalog, ledger, pipeline, table, remembered)
        if restore_partitions(catalog, ledger, pipeline, table) or forgotten:
            restored.append(table)
    return restored


def _publish(
    catalog: Catalog,
    ledger: Ledger,
    pipeline: str,
    run_id: str,
    table: str,
    result: GoldResult,
    versions: Mapping[str, int],
) -> Shown:
    """A table without partitions moves as a whole. One with them stays at its root, and says what came last."""
    if not result.partitions:
        offered = Pointer(result.location, run_id, dict(versions), result.csv)
        shown = _publish_table(catalog, ledger, pipeline, table, offered)
        return Shown(result.location, shown, shown)
    parts = publish_partitions(catalog, ledger, pipeline, table, result.partitions, run_id, versions)
    root = catalog.read(table).definition["StorageDescriptor"]["Location"]
    _publish_table(catalog, ledger, pipeline, table, Pointer(root, run_id, dict(versions)))
    return Shown(root, all(parts.values()), any(parts.values()))


def _publish_table(catalog: Catalog, ledger: Ledger, pipeline: str, table: str, offered: Pointer) -> bool:
    """Move one pointer and keep the ledger's copy of it; is `offered` shown afterwards?"""
    for attempt in range(1, MAX_TRIES + 1):
        current = catalog.read(table)
        remembered = None if current.pointer else _remembered(ledger, pipeline, table)
        show = pointer_to_show(current.pointer, remembered, offered)
        if show == current.pointer or catalog.swap(current, show):
            _remember(catalog, ledger, pipeline, table, show)
            log("gold_pointer", pipeline=pipeline, table=table, run_id=show.run_id, offered_run_id=offered.run_id)
            return show == offered
        time.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))
    raise PublishError(f"Gold table {table}: changed by others {MAX_TRIES} times while {offered.run_id} was published")


def _remember(catalog: Catalog, ledger: Ledger, pipeline: str, table: str, pointer: Pointer | None) -> None:
    """Copy the catalog's pointer into the ledger until it holds the one that is shown.

    Whoever writes the copy looks at the catalog afterwards: so the last copy written is of the last pointer.
    """
    while pointer is not None:
        if _remembered(ledger, pipeline, table) != pointer:
            copy = GoldPointer(
                pipeline, table, pointer.location, pointer.run_id, dict(pointer.versions), now(), pointer.csv
            )
            ledger.put_pointer(copy)
        shown = catalog.read(table).pointer
        if shown == pointer:
            return
        pointer = shown


def _remembered(ledger: Ledger, pipeline: str, table: str) -> Pointer | None:
    found = ledger.pointer(pipeline, table)
    return Pointer(found.location, found.run_id, dict(found.versions), found.csv) if found else None
