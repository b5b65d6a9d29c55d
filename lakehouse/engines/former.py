"""The files that a batch held once: partitioned gold needs their keys."""

from collections.abc import Callable, Mapping

from lakehouse import names
from lakehouse.ledger.store import Ledger
from lakehouse.silver.slots import SlotFile

FormerFiles = Callable[[], Mapping[str, tuple[SlotFile, ...]]]
"""By dataset: accepted files of a batch that are not in force in it now. Asked for only where gold is partitioned."""


def former_files(ledger: Ledger, pipeline: str, batch: str) -> FormerFiles:
    """As the ledger remembers them. Each of them may have been in silver at some time, and lies in the bucket still.

    One that is in force now and not in the pinned silver version needs no care: its own run comes later.
    """

    def read() -> dict[str, tuple[SlotFile, ...]]:
        in_force = {slot.file_id for slot in ledger.batch(pipeline, batch).slots.values()}
        found: dict[str, list[SlotFile]] = {}
        for file in ledger.files_of(pipeline, batch):
            if file.verdict == "accepted" and file.file_id not in in_force:
                path = names.silver_data_path(file.file_id)
                silver = SlotFile(batch, file.key, path, file.rows_accepted, file.parquet_bytes)
                found.setdefault(file.dataset, []).append(silver)
        return {dataset: tuple(sorted(files)) for dataset, files in found.items()}

    return read
