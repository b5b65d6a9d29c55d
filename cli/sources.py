"""The bronze files that gold stands for: those of the silver versions it was made of, on disk, without the lines that
the gate refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cli.errors import CliError
from cli.lake import Lake, session
from cli.upload import Upload
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import FileRecord
from lakehouse.names import quarantine_prefix
from lakehouse.silver.table import SilverStore, active_files, open_table

LINES = (".json", ".ndjson", ".jsonl")


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
        for file in active_files(open_table(store, dataset, versions[dataset.name])):
            file_id = PurePosixPath(file.path).stem
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


def accepted_lines(lake: Lake, one: Source, folder: Path) -> Path:
    """A file of the lines that the gate accepted: the file itself where it refused none.

    Raises:
        CliError: the file is not NDJSON.
    """
    record = one.record
    if not one.path.name.endswith(LINES):
        raise CliError(
            f"Gold stands for {record.key} too, and only NDJSON can be checked",
            f"Start afresh with: lake down, and remove {lake.home.show()}",
        )
    if not record.rows_quarantined:
        return one.path
    refused = _refused_lines(lake, record)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{record.file_id}.json"
    with one.path.open("rb") as source, target.open("wb") as kept:
        kept.writelines(line for number, line in enumerate(source, start=1) if number not in refused)
    return target


def _refused_lines(lake: Lake, record: FileRecord) -> set[int]:
    key = f"{quarantine_prefix(record.pipeline, record.dataset, record.file_id)}rows.ndjson"
    body = lake.client("s3").get_object(Bucket=lake.settings.bucket, Key=key)["Body"]
    return {int(json.loads(line)["line"]) for line in body.iter_lines()}
