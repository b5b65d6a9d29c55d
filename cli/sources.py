"""The bronze files that gold stands for: those of the silver versions it was made of, on disk, without the rows that
the gate refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cli.accepted import write_accepted
from cli.errors import CliError
from cli.lake import Lake, session
from cli.upload import Upload
from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.ledger.items import FileRecord
from lakehouse.names import quarantine_prefix
from lakehouse.silver.slots import SlotFile
from lakehouse.silver.table import SilverStore, active_files, open_table

COMPACTED = "*"
"""Slot of a silver file that holds a whole batch."""


@dataclass(frozen=True)
class Source:
    """One bronze file that gold stands for, on disk."""

    record: FileRecord
    path: Path


def sources(
    lake: Lake, pipeline: Pipeline, versions: Mapping[str, int], uploads: Sequence[Upload], folder: Path
) -> list[Source]:
    """Every bronze file behind silver tables at their versions, in the order in which later rows win: batch, then key.

    What was uploaded from this machine just now is taken from there, the rest is fetched, in the version that counted.
    """
    here = {one.version_id: one.path for one in uploads}
    keys = session(lake.home, lake.region, "operator")
    store = SilverStore.on_s3(lake.settings.bucket, keys, {"AWS_ENDPOINT_URL": lake.server.endpoint_url})
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for dataset in pipeline.datasets:
        held = active_files(open_table(store, dataset, versions[dataset.name]))
        for file, file_id in ((one, name) for one in held for name in _file_ids(lake, dataset, one)):
            record = lake.ledger.file(pipeline.name, file.batch, file_id)
            if record is None:
                raise CliError(f"Silver holds file {file_id} of {file.slot}, and the ledger does not know it")
            path = here.get(record.version_id)
            if path is None:
                path = folder / f"{file_id}-{PurePosixPath(record.key).name}"
                extra = {"VersionId": record.version_id}
                lake.client("s3").download_file(lake.settings.bucket, record.key, str(path), ExtraArgs=extra)
            found.append(Source(record, path))
    return sorted(found, key=lambda one: (one.record.batch.encode(), one.record.key.encode()))


def accepted(lake: Lake, one: Source, folder: Path) -> Path:
    """The file without the rows that the gate refused, at a path that ends with its whole bronze key.

    Raises:
        CliError: its records cannot be told apart.
    """
    record = one.record
    parts = (part if part.strip(".") else "_" for part in record.key.split("/"))
    target = folder.joinpath(record.file_id, *parts)
    if record.rows_quarantined:
        write_accepted(one.path, target, _refused_records(lake, record))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(one.path.absolute())
    return target


def _refused_records(lake: Lake, record: FileRecord) -> set[int]:
    key = f"{quarantine_prefix(record.pipeline, record.dataset, record.file_id)}rows.ndjson"
    body = lake.client("s3").get_object(Bucket=lake.settings.bucket, Key=key)["Body"]
    return {int(json.loads(line)["record"]) for line in body.iter_lines()}


def _file_ids(lake: Lake, dataset: Dataset, file: SlotFile) -> list[str]:
    """The judged files whose rows a silver file holds: one, or all of a batch where they were put into one."""
    if file.slot != COMPACTED:
        return [PurePosixPath(file.path).stem]
    slots = lake.ledger.batch(dataset.pipeline, file.batch).slots.values()
    return [slot.file_id for slot in slots if slot.dataset == dataset.name]
