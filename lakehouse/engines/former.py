"""The files that a batch held once: partitioned gold needs their keys."""

from collections.abc import Callable, Mapping

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.contract.types import changed_types
from lakehouse.ledger.items import FileRecord
from lakehouse.ledger.store import Ledger
from lakehouse.silver.slots import SlotFile

FormerFiles = Callable[[], Mapping[str, tuple[SlotFile, ...]]]
"""By dataset: accepted files of a batch that are not in force in it now. Asked for only where gold is partitioned."""


def former_files(ledger: Ledger, pipeline: Pipeline, batch: str) -> FormerFiles:
    """As the ledger remembers them. Each of them may have been in silver at some time, and lies in the bucket still.

    One that is in force now and not in the pinned silver version needs no care: its own run comes later. One that was
    judged while the contract had other types never came into silver, and its keys are not to be read as ours.
    """

    def read() -> dict[str, tuple[SlotFile, ...]]:
        in_force = {slot.file_id for slot in ledger.batch(pipeline.name, batch).slots.values()}
        found: dict[str, list[SlotFile]] = {}
        for file in ledger.files_of(pipeline.name, batch):
            if file.verdict == "accepted" and file.file_id not in in_force and not _of_other_types(pipeline, file):
                path = names.silver_data_path(file.file_id)
                silver = SlotFile(batch, file.key, path, file.rows_accepted, file.parquet_bytes)
                found.setdefault(file.dataset, []).append(silver)
        return {dataset: tuple(sorted(files)) for dataset, files in found.items()}

    return read


def _of_other_types(pipeline: Pipeline, file: FileRecord) -> bool:
    return any(one.name == file.dataset and changed_types(one, file.types) for one in pipeline.datasets)
