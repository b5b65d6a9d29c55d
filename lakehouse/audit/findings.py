"""What an audit says, one at a time: how much it has looked at, what it found, what it could not look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Layer = Literal["bronze", "quarantine", "silver", "gold", "ledger"]
LAYERS: tuple[Layer, ...] = ("bronze", "quarantine", "silver", "gold", "ledger")
SHOWN = 3
"""Of many rows or fields so many are named."""


@dataclass(frozen=True)
class Checked:
    """Something was looked at, whatever was found in it."""

    layer: Layer
    pipeline: str
    objects: int = 1
    """Objects, or items of the ledger."""
    rows: int = 0
    files_done: int = 0
    """Judged files and gold tables that are done with: what `extent` counts."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    layer: Layer
    kind: str
    """One of `KINDS`."""
    pipeline: str
    table: str
    """Dataset, or gold table."""
    batch: str | None
    """None where several batches are concerned."""
    key: str
    """Object key, partition, or item of the ledger."""
    found: str
    expected: str
    mend: str
    """The command, or the way, that puts it right."""


@dataclass(frozen=True)
class Note:
    """Something that was not compared, or is worth knowing, and is no fault by itself."""

    layer: Layer
    kind: str
    """One of `NOTES`."""
    pipeline: str
    table: str
    count: int
    text: str


Step = Checked | Finding | Note

KINDS: Mapping[str, str] = {
    "never_judged": "an object below bronze/ of which the ledger knows nothing",
    "newer_version": "the newest version of an object was never judged",
    "version_gone": "the version that was judged, or is in force, is not there any more",
    "bytes_changed": "an object's bytes are others than those that were judged",
    "not_started": "a batch is complete and no run of what it holds was started",
    "run_open": "the run of what a batch holds failed, or has not come to its end",
    "record": "an item of the ledger says something else than what it stands for",
    "missing_item": "an item of the ledger is not there",
    "foreign_item": "an item of the ledger stands for nothing",
    "unbalanced": "rows in are not accepted + quarantined + duplicate, or a run's balance does not hold",
    "object_gone": "an object that the ledger or the catalog names is not there",
    "foreign_object": "an object lies where it is read, or shown as evidence, and belongs to nothing",
    "rows_missing": "rows are not there that should be",
    "rows_added": "rows are there that should not be",
    "rows_changed": "rows are other ones than they should be",
    "unreadable": "a Parquet file cannot be read, or has other columns",
    "content": "an object's content is other than it should be",
    "not_active": "a file in force is not active in the Delta table",
    "foreign_active": "a file is active in the Delta table that is not in force",
    "delta_figures": "the Delta log gives another size or number of rows of a file",
    "no_table": "a table is not there",
    "pointer": "the catalog and the ledger do not show the same files",
    "behind": "gold stands for older silver than there is",
}
NOTES: Mapping[str, str] = {
    "other_contract": "judged under another contract: bytes, counts and rows of the silver file compared, not each row",
    "former_gone": "former versions whose bytes have expired: their silver files are taken as they are",
    "left_over": "objects that nothing names: crashes leave them, and nobody reads them",
    "not_compared": "could not be compared, for the reason named",
}


@dataclass(frozen=True)
class Difference:
    """How rows differ from those expected, counted as often as they occur."""

    missing: int = 0
    added: int = 0
    examples: tuple[str, ...] = ()
    """Which rows, a few of them."""
    unreadable: str | None = None
    """Why nothing could be counted."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.unreadable)

    @property
    def kind(self) -> str:
        if self.unreadable:
            return "unreadable"
        if self.missing and self.added:
            return "rows_changed"
        return "rows_missing" if self.missing else "rows_added"

    @property
    def found(self) -> str:
        """The difference as words."""
        if self.unreadable:
            return self.unreadable
        parts = [f"{count:,} {what}" for count, what in ((self.missing, "missing"), (self.added, "foreign")) if count]
        return f"rows: {', '.join(parts)} ({', '.join(self.examples)})"


def differing(found: Mapping[str, object], expected: Mapping[str, object]) -> tuple[str, str] | None:
    """Two records as words, only where they differ; None where they agree."""
    names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if not names:
        return None
    return _words(found, names), _words(expected, names)


def _words(values: Mapping[str, object], names: Iterable[str]) -> str:
    return ", ".join(f"{name} = {values.get(name)}" for name in names)
