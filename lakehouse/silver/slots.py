"""What a commit has to change: the files that a batch should hold against those that the table holds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from lakehouse import names
from lakehouse.ledger.items import SlotInForce
from lakehouse.silver.columns import SEVERAL


@dataclass(frozen=True, order=True)
class SlotFile:
    """One silver data file: what one slot brought or, compacted, what several slots of a batch brought."""

    batch: str
    slot: str
    """The whole bronze object key; `SEVERAL` of a compacted file."""
    path: str
    """Path inside the Delta table."""
    rows: int
    bytes: int
    """Size of the Parquet file."""


@dataclass(frozen=True)
class SlotSwap:
    """The files that one Delta transaction adds to a table and removes from it."""

    add: tuple[SlotFile, ...]
    remove: tuple[SlotFile, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


def wanted_files(slots: Mapping[str, SlotInForce], batch: str, dataset: str) -> list[SlotFile]:
    """The files of one dataset that a batch should hold: one a slot, the accepted version in force."""
    return sorted(
        SlotFile(batch, entry.key, names.silver_data_path(entry.file_id), entry.rows, entry.parquet_bytes)
        for entry in slots.values()
        if entry.dataset == dataset
    )


def compacted_path(members: Iterable[SlotFile]) -> str:
    """Path of the one file that holds the rows of these. The same members, the same path, whatever their order."""
    return names.silver_compacted_path(PurePosixPath(file.path).stem for file in members)


def slot_count(files: Iterable[SlotFile]) -> int:
    """In how many slots the rows of these files lie. A compacted file counts as two: it has two at least, and whoever
    asks wants to know whether there are several."""
    return sum(2 if file.slot == SEVERAL else 1 for file in files)


def decide_swap(want: Iterable[SlotFile], have: Iterable[SlotFile]) -> SlotSwap:
    """What makes `have` (the table's files of a batch) into `want` (those in force); nothing when they agree.

    A file is the same when slot and path agree: the path is the hash of slot, content and contract. A compacted file
    stands for what is wanted when its path is the one of exactly those files; otherwise it gives way to them.
    """
    wanted, held = list(want), list(have)
    compacted = [file for file in held if file.slot == SEVERAL and file.path == compacted_path(wanted)]
    if compacted:
        wanted = compacted
    keep = {(file.slot, file.path) for file in wanted} & {(file.slot, file.path) for file in held}
    return SlotSwap(
        add=tuple(sorted(file for file in wanted if (file.slot, file.path) not in keep)),
        remove=tuple(sorted(file for file in held if (file.slot, file.path) not in keep)),
    )
