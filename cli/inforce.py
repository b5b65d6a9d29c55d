"""The bronze files that gold stands for: those in force in every batch, on disk, as far as the gate accepted them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.lake import Lake
from cli.upload import Upload
from lakehouse.contract.model import Place
from lakehouse.names import quarantine_prefix

LINES = (".json", ".ndjson", ".jsonl")


@dataclass(frozen=True)
class InForce:
    """One bronze file in force, on disk."""

    place: Place
    file_id: str
    path: Path


def files_in_force(lake: Lake, pipeline: str, uploads: Sequence[Upload], folder: Path) -> list[InForce]:
    """Every bronze file of a pipeline that is in force, in the order in which later rows win: batch, then key.

    What was uploaded from this machine just now is taken from there, the rest is fetched, in the version in force.
    """
    here = {one.version_id: one.path for one in uploads}
    s3 = lake.client("s3")
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for state in lake.ledger.batches(pipeline):
        for slot_id, entry in state.slots.items():
            place = Place(pipeline, entry.dataset, state.batch, entry.key, slot_id)
            slot = lake.ledger.slot(place)
            if slot is None or slot.in_force_version_id is None:
                raise CliError(f"The ledger has {entry.key} in force in batch '{state.batch}' without its version")
            path = here.get(slot.in_force_version_id)
            if path is None:
                path = folder / f"{entry.file_id}-{Path(entry.key).name}"
                version = {"VersionId": slot.in_force_version_id}
                s3.download_file(lake.settings.bucket, entry.key, str(path), ExtraArgs=version)
            found.append(InForce(place, entry.file_id, path))
    return sorted(found, key=lambda one: (one.place.batch.encode(), one.place.key.encode()))


def accepted_lines(lake: Lake, one: InForce, folder: Path) -> Path:
    """A file of the lines that the gate accepted: the file itself where it refused none.

    Raises:
        CliError: the file is not NDJSON.
    """
    if not one.path.name.endswith(LINES):
        raise CliError(
            f"{one.place.key} is in force too, and only NDJSON can be checked",
            f"Correct it: lake put … --batch {one.place.batch}, or start afresh: lake down, remove {lake.home.show()}",
        )
    refused = _refused_lines(lake, one)
    if not refused:
        return one.path
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{one.file_id}.json"
    with one.path.open("rb") as source, target.open("wb") as kept:
        kept.writelines(line for number, line in enumerate(source, start=1) if number not in refused)
    return target


def _refused_lines(lake: Lake, one: InForce) -> set[int]:
    record = lake.ledger.file(one.place.pipeline, one.place.batch, one.file_id)
    if record is None or not record.rows_quarantined:
        return set()
    key = f"{quarantine_prefix(one.place.pipeline, one.place.dataset, one.file_id)}rows.ndjson"
    body = lake.client("s3").get_object(Bucket=lake.settings.bucket, Key=key)["Body"]
    return {int(json.loads(line)["line"]) for line in body.iter_lines()}
