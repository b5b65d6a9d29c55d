"""What is left of a person once everything is made anew: removed, version by version, each step harmless to repeat.

In this order, so that what tells a repeat that there is work left, the old versions in bronze, goes last:
gold, exports and query results that nobody is shown; quarantine; the ledger's records of files; silver's files; texts
in the ledger; logs; bronze. A record of a file goes before its silver file: partitioned gold reads the files that the
ledger names.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.erase.bronze import BronzeObject, to_rewrite
from lakehouse.erase.stored import Version, remove, versions
from lakehouse.erase.survey import LEDGER, LOGS, Searched, Survey
from lakehouse.errors import ErasureError, SilverError
from lakehouse.ledger.items import FileRecord, SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.table import SilverStore, active_files, open_table

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

REDACTED = "(removed: it spoke of a person who was forgotten)"
COMPACTED = "compact-"


@dataclass(frozen=True)
class Remover:
    """Removes for good. What counts of the person must be free of it by now."""

    searched: Searched
    ledger: Ledger
    catalog: Catalog
    store: SilverStore
    pipeline: Pipeline

    def remove(self, objects: Sequence[BronzeObject], found: Survey, running: Collection[str]) -> dict[str, int]:
        """Remove all that speaks of the person and is not shown; how much, by place.

        Args:
            objects: bronze, looked at after everything was made anew.
            found: all that speaks of the person, likewise.
            running: runs under way: what they write stays.
        """
        slots = self._slots(objects)
        gone = {slot.slot_id: slot for one in objects if (slot := slots[one.place.key]) and one.goes_whole(slot)}
        current = self._current_files(gone)
        files = [one for one in self._files(objects, found) if one.file_id not in current]
        done: dict[str, int] = {}
        done |= self._superseded_gold(running)
        done["athena-results"] = self._remove(versions(self.s3, self.searched.bucket, "athena-results/"))
        done[names.QUARANTINE] = self._quarantine(files, found, current)
        done["records of files"] = self._records(files, gone.values())
        done[names.SILVER] = self._silver(_silver_keys(files, objects, current), found)
        done["texts in the ledger"] = self._texts(found)
        done[LOGS] = self._logs(found)
        done[names.BRONZE] = self._bronze(objects, slots)
        return {place: count for place, count in done.items() if count}

    @property
    def s3(self) -> "S3Client":
        return self.searched.s3

    def _remove(self, unwanted: Iterator[Version]) -> int:
        return remove(self.s3, self.searched.bucket, unwanted)

    def _slots(self, objects: Sequence[BronzeObject]) -> dict[str, SlotState | None]:
        return {one.place.key: self.ledger.slot(one.place) for one in objects}

    def _current_files(self, gone: Collection[str]) -> frozenset[str]:
        """Files of the slots' last verdicts, and those in force, which are free of the person by now. Without those of
        slots that go as a whole."""
        listed = (slot for name in (self.pipeline.name, names.UNKNOWN) for slot in self.ledger.slots(name))
        every = [slot for slot in listed if slot.slot_id not in gone]
        return frozenset(file for slot in every for file in (slot.in_force_file_id, slot.file_id) if file)

    def _files(self, objects: Sequence[BronzeObject], found: Survey) -> list[FileRecord]:
        """Records of judged files that held the person: by their bytes in bronze, or by their silver file."""
        held = {(one.place.key, version.content_sha256) for one in objects for version in one.held.values()}
        silver = {PurePosixPath(hit.name).stem for hit in found.hits if hit.place == names.SILVER}
        every = (file for name in (self.pipeline.name, names.UNKNOWN) for file in self.ledger.files(name))
        return [file for file in every if (file.key, file.content_sha256) in held or file.file_id in silver]

    def _superseded_gold(self, running: Collection[str]) -> dict[str, int]:
        """All folders of gold and exports but those shown: sums of old runs count the person too."""
        shown = tuple(self._shown())
        going = tuple(f"/run={run}/" for run in running)
        found = {}
        for layer in (names.GOLD, names.EXPORTS):
            unwanted = (
                version
                for version in versions(self.s3, self.searched.bucket, f"{layer}/{self.pipeline.name}/")
                if not (version.key.startswith(shown) and version.current)
                and not any(run in version.key for run in going)
            )
            found[layer] = self._remove(unwanted)
        return found

    def _shown(self) -> Iterator[str]:
        """Key prefixes that the catalog and the ledger point at."""
        root = f"s3://{self.searched.bucket}/"
        for table in self.pipeline.gold:
            places = [self.catalog.read(table.name).definition["StorageDescriptor"]["Location"]]
            places += [partition.location for partition in self.catalog.partitions(table.name)]
            pointer = self.ledger.pointer(self.pipeline.name, table.name)
            places += [pointer.location, pointer.csv or pointer.location] if pointer else []
            places += [one.location for one in self.ledger.partitions(self.pipeline.name, table.name)]
            yield from (place.removeprefix(root) for place in places)

    def _quarantine(self, files: Sequence[FileRecord], found: Survey, current: Collection[str]) -> int:
        folders = {names.quarantine_prefix(file.pipeline, file.dataset, file.file_id) for file in files}
        for hit in found.hits:
            folder, _, _ = hit.name.rpartition("/")
            if hit.place == names.QUARANTINE and folder.rpartition("/")[2] not in current:
                folders.add(f"{folder}/")
        listed = (one for folder in sorted(folders) for one in versions(self.s3, self.searched.bucket, folder))
        return self._remove(listed)

    def _records(self, files: Iterable[FileRecord], gone: Iterable[SlotState]) -> int:
        """Records of files, and of slots of which nothing is left."""
        records: list[SlotState | FileRecord] = [*gone, *files]
        for record in records:
            self.ledger.table.delete(record)
        return len(records)

    def _silver(self, stale: Iterable[str], found: Survey) -> int:
        """Data files that hold the person and are not active, also where what names the person was dropped or is a
        token by a former key; compacted ones that are not active: a night makes them again.

        Args:
            stale: keys of files that were made of records of the person.

        Raises:
            ErasureError: an active one holds the person.
        """
        active = set(self._active())
        held = [hit.version for hit in found.hits if hit.place == names.SILVER and hit.version is not None]
        held += [version for key in stale for version in versions(self.s3, self.searched.bucket, key)]
        still = [version.key for version in held if version.key in active and version.current]
        if still:
            raise ErasureError(f"{still[0]} is active and holds the person: is a run of its batch missing or failed?")
        for dataset in self.pipeline.datasets:
            prefix = names.silver_prefix(self.pipeline.name, dataset.name) + names.silver_data_path(COMPACTED)
            prefix = prefix.removesuffix(".parquet")
            listed = versions(self.s3, self.searched.bucket, prefix)
            held += [version for version in listed if version.key not in active]
        return self._remove(iter(held))

    def _active(self) -> Iterator[str]:
        for dataset in self.pipeline.datasets:
            try:
                table = open_table(self.store, dataset)
            except SilverError:
                continue  # no run has committed it yet, so none of its files is active
            prefix = names.silver_prefix(self.pipeline.name, dataset.name)
            yield from (prefix + file.path for file in active_files(table))

    def _texts(self, found: Survey) -> int:
        """Texts of errors and verdicts. Whatever else speaks of the person there stays, and the proof shows it."""
        changed = 0
        for item in (hit.item for hit in found.hits if hit.place == LEDGER and hit.item is not None):
            for name in ("error", "message"):
                if name in item:
                    changed += self.ledger.table.redact(item["pk"]["S"], item["sk"]["S"], name, REDACTED)
        return changed

    def _logs(self, found: Survey) -> int:
        streams = [hit.name for hit in found.hits if hit.place == LOGS]
        for stream in streams:
            group, _, name = stream.partition(":")
            try:
                self.searched.logs.delete_log_stream(logGroupName=group, logStreamName=name)
            except self.searched.logs.exceptions.ResourceNotFoundException:
                continue
        return len(streams)

    def _bronze(self, objects: Sequence[BronzeObject], slots: Mapping[str, SlotState | None]) -> int:
        """Every version that holds the person. By now none of them counts.

        Raises:
            ErasureError: one does: a file with the person arrived at this moment.
        """
        for one in objects:
            if to_rewrite(one, slots[one.place.key]) is not None:
                raise ErasureError(f"{one.place.key} changed meanwhile and holds the person again: repeat the command")
        return self._remove(iter([held.version for one in objects for held in one.held.values()]))


def _silver_keys(files: Iterable[FileRecord], objects: Iterable[BronzeObject], current: Collection[str]) -> list[str]:
    """Keys of the silver files that were made of bytes with the person in them. A repeat finds them by those bytes,
    where the records of files have gone already."""
    made = {(file.pipeline, file.dataset, file.file_id) for file in files if file.pipeline != names.UNKNOWN}
    for one in objects:
        if one.dataset is not None:
            hashes = (held.content_sha256 for held in one.held.values())
            ids = (names.file_id(one.place.slot_id, content, one.dataset.contract_hash) for content in hashes)
            made |= {(one.place.pipeline, one.place.dataset, file_id) for file_id in ids}
    return [
        names.silver_prefix(pipeline, dataset) + names.silver_data_path(file_id)
        for pipeline, dataset, file_id in sorted(made)
        if file_id not in current
    ]
