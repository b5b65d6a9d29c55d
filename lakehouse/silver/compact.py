"""The small files of a closed batch become one, without changing a row.

The compacted file is named by the files that it stands for, so a commit can tell from the ledger alone whether it
still holds what is in force (see `slots.decide_swap`); where it doesn't, the originals, which stay on S3, come back.
Like a commit, a compaction reads the table's version first and the ledger after it and commits as the very next
version: it never undoes what a run has done in between, and of two at once the second finds nothing to do.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from lakehouse.contract.model import Dataset
from lakehouse.ledger.items import BatchState
from lakehouse.log import log
from lakehouse.silver.columns import SEVERAL
from lakehouse.silver.retry import until_committed
from lakehouse.silver.slots import SlotFile, SlotSwap, compacted_path, decide_swap, wanted_files
from lakehouse.silver.table import SilverStore, active_files, commit_swap, open_or_create

QUIET = timedelta(hours=24)
"""A batch that is not named by a day is closed when nothing has changed in it for so long."""
MAX_BYTES = 1024**3
"""More than this of Parquet is not put into one file: that is what engines take for a large one."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Compaction:
    """Files of one batch that are to become one. `members` are in the order of their slots."""

    batch: str
    path: str
    """Path of the one file inside the Delta table."""
    members: tuple[SlotFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.members)

    @property
    def bytes(self) -> int:
        """Of all members together."""
        return sum(file.bytes for file in self.members)


@dataclass(frozen=True)
class Compacted:
    """What was done to one batch."""

    batch: str
    files: int
    rows: int
    bytes_before: int
    bytes_after: int
    version: int
    """Of the table, with the one file."""


WriteFile = Callable[[Compaction], int]
"""Stores the one file, unless it is there; its size in bytes. Each row carries its slot in `_origin`."""
ReadBatch = Callable[[str], BatchState]
"""Reads a batch from the ledger, consistently, at the moment of the call."""


def is_closed(state: BatchState, at: datetime) -> bool:
    """Is the batch named by a day (UTC) before `at`, or has nothing changed in it for `QUIET`?"""
    if _DAY.fullmatch(state.batch):
        try:
            return date.fromisoformat(state.batch) < at.astimezone(UTC).date()
        except ValueError:
            pass  # looks like a day and is none: a name like any other
    return bool(state.at) and datetime.fromisoformat(state.at) <= at - QUIET


def decide_compaction(batch: str, want: Iterable[SlotFile], have: Iterable[SlotFile]) -> Compaction | None:
    """The files of `have` (the table's, of one batch) that should become one; None when there is nothing to do.

    Only a batch that holds exactly the files in force is compacted: anything else is the next run's to put right.
    """
    held, wanted = sorted(have, key=lambda file: file.slot), list(want)
    if len(held) < 2 or any(file.slot == SEVERAL for file in held) or decide_swap(wanted, held):
        return None
    if sum(file.bytes for file in held) > MAX_BYTES:
        return None
    return Compaction(batch, compacted_path(held), tuple(held))


def compact_dataset(
    store: SilverStore, dataset: Dataset, at: datetime, read_batch: ReadBatch, write_file: WriteFile
) -> list[Compacted]:
    """Compact every batch of a dataset that is closed at `at` and has several files. A repeat changes nothing.

    Raises:
        SilverError: other commits kept coming first, or the files do not hold the rows that the ledger says.
        ContractError: the contract changes a column's type.
    """
    table = until_committed(dataset, "", lambda: open_or_create(store, dataset))
    files = Counter(file.batch for file in active_files(table))
    several = sorted(batch for batch, count in files.items() if count > 1)
    written = cache(write_file)  # a conflict is decided again; the file that it needs is there already
    done = [_compact_batch(store, dataset, batch, at, read_batch, written) for batch in several]
    return [one for one in done if one is not None]


def _compact_batch(
    store: SilverStore, dataset: Dataset, batch: str, at: datetime, read_batch: ReadBatch, write_file: WriteFile
) -> Compacted | None:
    def once() -> Compacted | None:
        table = open_or_create(store, dataset)
        state = read_batch(batch)
        if not is_closed(state, at):
            return None
        have = active_files(table, batch)
        chosen = decide_compaction(batch, wanted_files(state.slots, batch, dataset.name), have)
        if chosen is None:
            return None
        size = write_file(chosen)
        one = SlotFile(batch, SEVERAL, chosen.path, chosen.rows, size)
        version = commit_swap(table, SlotSwap(add=(one,), remove=chosen.members), data_change=False)
        return Compacted(batch, len(chosen.members), chosen.rows, chosen.bytes, size, version)

    found = until_committed(dataset, batch, once)
    fields = {"pipeline": dataset.pipeline, "dataset": dataset.name, "batch": batch}
    if found is None:
        log("silver_not_compacted", **fields)
    else:
        log("silver_compacted", **fields, **{k: v for k, v in vars(found).items() if k != "batch"})
    return found
