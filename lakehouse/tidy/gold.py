"""Runs of gold, and their exports, that readers no longer see: noted first, removed much later.

A look notes in the ledger which runs nobody is shown, apart from the last few. A run that stays so for `SAFETY` is
removed; one that is shown again loses its note. So a run that gave way a moment ago is never removed under those who
still read it, however long ago it was written. Every step may be repeated and may end anywhere: what is left of a run
that is half removed is listed and removed by the next look, and its note goes last.

Removing puts delete markers: the bucket's life cycle removes the bytes some days later.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.errors import TidyError
from lakehouse.ledger.items import UnshownRun
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.publish.catalog import Catalog
from lakehouse.tidy.decide import runs_to_remove, unshown_runs

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

LAYERS = (names.GOLD, names.EXPORTS)
MOST_RUNS = 500
"""Of one table at one look; the next look goes on."""
_KEYS_AT_ONCE = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
_RUN = re.compile(r"run=([^/]+)/")


@dataclass(frozen=True)
class Tidied:
    """What one look at a gold table did."""

    table: str
    runs: int
    """Runs that have files."""
    noted: int
    """Runs found unshown for the first time."""
    removed: tuple[str, ...]
    """Runs that were removed, with their exports."""
    objects: int
    """Objects that were removed."""


@dataclass(frozen=True)
class GoldTidier:
    """Tidies the gold of a pipeline. All AWS calls go through what is given here."""

    s3: "S3Client"
    catalog: Catalog
    ledger: Ledger
    bucket: str
    keep: int
    """The newest runs of a table stay, shown or not."""
    at: datetime
    """The present."""

    def tidy(self, pipeline: Pipeline) -> list[Tidied]:
        """Look at every gold table of a pipeline.

        Raises:
            TidyError: S3 did not remove an object.
        """
        return [self.tidy_table(pipeline.name, table.name) for table in pipeline.gold]

    def tidy_table(self, pipeline: str, table: str) -> Tidied:
        """Look at one table. The files are listed before the pointers are read: a run that is shown by now counts."""
        written_at = self._written_at(pipeline, table)
        unshown = unshown_runs(written_at, set(self._shown(pipeline, table)), self.keep)
        notes = {note.run_id: note for note in self.ledger.unshown(pipeline, table)}
        for run_id in sorted(notes.keys() & written_at.keys() - unshown):
            self.ledger.table.delete(notes[run_id])
        new = sorted(unshown - notes.keys())
        for run_id in new:
            self.ledger.table.create(UnshownRun(pipeline, table, run_id, self.at.isoformat(timespec="microseconds")))
        since = {run_id: datetime.fromisoformat(note.at) for run_id, note in notes.items()}
        removed = runs_to_remove(unshown, since, self.at, MOST_RUNS)
        objects = sum(self._remove(pipeline, table, run_id) for run_id in removed)
        for run_id in sorted({*removed, *(notes.keys() - written_at.keys())}):
            self.ledger.table.delete(notes[run_id])
        found = Tidied(table, len(written_at), len(new), tuple(removed), objects)
        log("gold_tidied", pipeline=pipeline, **vars(found))
        return found

    def _written_at(self, pipeline: str, table: str) -> dict[str, datetime]:
        """When the last object of each run was stored, by run id."""
        found: dict[str, datetime] = {}
        for layer in LAYERS:
            prefix = f"{layer}/{pipeline}/{table}/"
            for key, at in self._objects(prefix):
                run = _RUN.match(key, len(prefix))
                if run:
                    found[run[1]] = max(at, found.get(run[1], at))
        return found

    def _shown(self, pipeline: str, table: str) -> Iterator[str]:
        """Runs in whose folders the catalog or the ledger points."""
        places = [str(self.catalog.read(table).definition["StorageDescriptor"]["Location"])]
        places += [partition.location for partition in self.catalog.partitions(table)]
        pointer = self.ledger.pointer(pipeline, table)
        places += [pointer.location, pointer.csv or ""] if pointer else []
        places += [partition.location for partition in self.ledger.partitions(pipeline, table)]
        for place in places:
            for layer in LAYERS:
                prefix = f"s3://{self.bucket}/{layer}/{pipeline}/{table}/"
                run = _RUN.match(place, len(prefix)) if place.startswith(prefix) else None
                if run:
                    yield run[1]

    def _remove(self, pipeline: str, table: str, run_id: str) -> int:
        """Remove a run's objects; how many."""
        keys = [key for layer in LAYERS for key, _ in self._objects(f"{layer}/{pipeline}/{table}/run={run_id}/")]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some: Any = {"Objects": [{"Key": key} for key in keys[start : start + _KEYS_AT_ONCE]], "Quiet": True}
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete=some)
            for error in answer.get("Errors", []):
                raise TidyError(f"S3 did not remove {error.get('Key')}: {error.get('Code')} {error.get('Message')}")
        return len(keys)

    def _objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"], found["LastModified"].astimezone(UTC)
