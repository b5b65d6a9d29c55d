"""Everything that the ledger holds of one batch, read once: the unit in which an audit works, so memory is bounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lakehouse import names
from lakehouse.ledger.items import BatchState, FileRecord, RunRecord, SlotInForce, SlotState
from lakehouse.ledger.store import Ledger

VIEWS_KEPT = 16
"""Keys come in order, and so do their batches."""


@dataclass(frozen=True)
class BatchView:
    """One batch's items."""

    pipeline: str
    batch: str
    state: BatchState | None
    """None where the batch's own item is not there."""
    slots: Mapping[str, SlotState]
    """By slot id."""
    files: Mapping[str, FileRecord]
    """By file id: in force, former and refused ones."""
    runs: Mapping[str, RunRecord]
    """By run id."""

    @property
    def entries(self) -> Mapping[str, SlotInForce]:
        """The files in force as the batch's item says, by slot id."""
        return self.state.slots if self.state else {}

    def slot_ids(self) -> set[str]:
        """Every slot that any item of the batch speaks of."""
        return {*self.slots, *self.entries, *(slot_id_of(file) for file in self.files.values())}

    def versions_of(self, file: FileRecord) -> tuple[str, ...]:
        """The versions that are said to hold a file's bytes: the record's, then its slot's. One, where all agree."""
        slot = self.slots.get(slot_id_of(file))
        said: list[str | None] = [file.version_id]
        if slot is not None and slot.file_id == file.file_id:
            said.append(slot.judged_version_id)
        if slot is not None and slot.in_force_file_id == file.file_id:
            said.append(slot.in_force_version_id)
        return tuple(dict.fromkeys(version for version in said if version))

    def counts(self, file: FileRecord) -> bool:
        """A file in force, or the last that was judged in its slot. The others are history."""
        slot = self.slots.get(slot_id_of(file))
        return slot is None or file.file_id in (slot.file_id, slot.in_force_file_id)


def slot_id_of(file: FileRecord) -> str:
    """The slot of a judged file."""
    return names.slot_id(file.pipeline, file.dataset, file.batch, file.key)


class Batches:
    """The batches of the ledger, the last few of them kept."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.view = lru_cache(maxsize=VIEWS_KEPT)(self._read)

    def named(self, pipeline: str) -> list[str]:
        """The name of every batch of which there is a file, a slot or a batch item, sorted."""
        ledger = self.ledger
        found = {state.batch for state in ledger.batches(pipeline)}
        found.update(slot.batch for slot in ledger.slots(pipeline))
        found.update(file.batch for file in ledger.files(pipeline))
        return sorted(found)

    def _read(self, pipeline: str, batch: str) -> BatchView:
        table, pk = self.ledger.table, f"{pipeline}#{batch}"
        return BatchView(
            pipeline=pipeline,
            batch=batch,
            state=table.read(BatchState, pk, "BATCH"),
            slots={slot.slot_id: slot for slot in table.below(SlotState, pk, "SLOT#")},
            files={file.file_id: file for file in table.below(FileRecord, pk, "FILE#")},
            runs={run.run_id: run for run in table.below(RunRecord, pk, "RUN#")},
        )
