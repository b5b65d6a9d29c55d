"""The bronze files that gold stands for: those in force in every batch, on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.lake import Lake
from cli.upload import Upload
from lakehouse.contract.model import Place


@dataclass(frozen=True)
class InForce:
    """One bronze file in force, on disk."""

    dataset: str
    batch: str
    key: str
    file_id: str
    path: Path


def files_in_force(lake: Lake, pipeline: str, uploads: Sequence[Upload], folder: Path) -> list[InForce]:
    """Every bronze file of a pipeline that is in force, in the order in which later rows win: batch, then key.

    What was uploaded from this machine just now is taken from there, the rest is fetched, in the version in force.
    """
    here = {one.version_id: one.path for one in uploads}
    s3 = lake.client("s3")
    found = []
    for state in lake.ledger.batches(pipeline):
        for slot_id, entry in state.slots.items():
            slot = lake.ledger.slot(Place(pipeline, entry.dataset, state.batch, entry.key, slot_id))
            version = slot.in_force_version_id if slot else None
            path = here.get(version or "")
            if path is None:
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{entry.file_id}-{Path(entry.key).name}"
                s3.download_file(
                    lake.settings.bucket, entry.key, str(path), ExtraArgs={"VersionId": version} if version else None
                )
            found.append(InForce(entry.dataset, state.batch, entry.key, entry.file_id, path))
    return sorted(found, key=lambda one: (one.batch.encode(), one.key.encode()))
