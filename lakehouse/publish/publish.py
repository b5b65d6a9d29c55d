"""The last step of a run: let people see its gold, unless they see newer gold already."""

import random
import time
from collections.abc import Iterable, Mapping
from typing import Literal

from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldPointer, GoldResult, now
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.pointer import Pointer, pointer_to_show

MAX_TRIES = 30
Outcome = Literal["published", "superseded"]


def publish_run(
    catalog: Catalog,
    ledger: Ledger,
    pipeline: str,
    run_id: str,
    gold: Mapping[str, GoldResult],
    versions: Mapping[str, int],
) -> Outcome:
    """Show a run's gold tables (result by table name) where they are not older than what is shown.

    Harmless to repeat. `superseded` when at least one of the tables shows newer files of another run.

    Raises:
        PublishError: a table kept changing for `MAX_TRIES` tries.
    """
    shown = [
        _publish_table(catalog, ledger, pipeline, table, Pointer(result.location, run_id, dict(versions)))
        for table, result in sorted(gold.items())
    ]
    return "published" if all(shown) else "superseded"


def restore_pointers(catalog: Catalog, ledger: Ledger, pipeline: str, tables: Iterable[str]) -> list[str]:
    """Point tables that the catalog has forgotten (a stack update resets them) where the ledger remembers.

    Returns the names of those that were restored.

    Raises:
        PublishError: a table kept changing for `MAX_TRIES` tries.
    """
    restored = []
    for table in tables:
        remembered = _remembered(ledger, pipeline, table)
        if remembered and catalog.read(table).pointer is None:
            _publish_table(catalog, ledger, pipeline, table, remembered)
            restored.append(table)
    return restored


def _publish_table(catalog: Catalog, ledger: Ledger, pipeline: str, table: str, offered: Pointer) -> bool:
    """Move one pointer and keep the ledger's copy of it; is `offered` shown afterwards?"""
    for attempt in range(1, MAX_TRIES + 1):
        current = catalog.read(table)
        remembered = None if current.pointer else _remembered(ledger, pipeline, table)
        show = pointer_to_show(current.pointer, remembered, offered)
        if show == current.pointer or catalog.swap(current, show):
            _remember(catalog, ledger, pipeline, table, show)
            log("gold_pointer", pipeline=pipeline, table=table, run_id=show.run_id, offered_run_id=offered.run_id)
            return show.location == offered.location
        time.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))
    raise PublishError(f"Gold table {table}: changed by others {MAX_TRIES} times while {offered.run_id} was published")


def _remember(catalog: Catalog, ledger: Ledger, pipeline: str, table: str, pointer: Pointer | None) -> None:
    """Copy the catalog's pointer into the ledger until it holds the one that is shown.

    Whoever writes the copy looks at the catalog afterwards: so the last copy written is of the last pointer.
    """
    while pointer is not None:
        if _remembered(ledger, pipeline, table) != pointer:
            copy = GoldPointer(pipeline, table, pointer.location, pointer.run_id, dict(pointer.versions), at=now())
            ledger.put_pointer(copy)
        shown = catalog.read(table).pointer
        if shown == pointer:
            return
        pointer = shown


def _remembered(ledger: Ledger, pipeline: str, table: str) -> Pointer | None:
    found = ledger.pointer(pipeline, table)
    return Pointer(found.location, found.run_id, dict(found.versions)) if found else None
