"""Silver files on a Lambda's local disk, kept for the next invocation of the same container.

A silver file never changes, and its name is the hash of what it came from: what is here is what the bucket holds. A run
every five minutes so fetches what is new, not the whole day again. Invocations of one container follow each other; one
that was killed leaves nothing but parts of files under names that are never read.
"""

import os
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contract.model import Dataset
from lakehouse.errors import EngineError
from lakehouse.log import log
from lakehouse.silver.slots import SlotFile

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PARALLEL_DOWNLOADS = 8
DISK_RESERVE = 2
"""Free disk wanted, as a multiple of the silver files: they, the result and what DuckDB spills."""
KEPT_SHARE = 4
"""Of the disk a quarter may be kept for the next invocation, and never more than `KEPT_BYTES`."""
KEPT_BYTES = 1024**3
_PARTIAL = ".part"


class SilverCache:
    """The files of one run, in a folder that outlives it."""

    def __init__(self, s3: "S3Client", bucket: str, folder: Path) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.folder = folder / bucket
        self.folder.mkdir(parents=True, exist_ok=True)
        self.used: set[Path] = set()
        self.fetched = 0
        """Files that this run had to download."""
        for left_over in self.folder.rglob(f"*{_PARTIAL}"):
            left_over.unlink()

    def fetch(self, dataset: Dataset, files: Sequence[SlotFile]) -> list[Path]:
        """Bring a dataset's silver files to local disk, several at a time; their places in the same order.

        Raises:
            EngineError: they and the work on them do not fit the disk.
        """
        prefix = names.silver_prefix(dataset.pipeline, dataset.name)
        places = [self.folder / prefix / file.path for file in files]
        self.used.update(places)
        missing = [(file, place) for file, place in zip(files, places, strict=True) if not _holds(place, file)]
        self._make_room(dataset, sum(file.bytes for file, _ in missing), sum(file.bytes for file in files))

        def download(file: SlotFile, place: Path) -> None:
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f"{place.name}.{uuid.uuid4().hex}{_PARTIAL}")
            self.s3.download_file(self.bucket, prefix + file.path, str(partial))
            partial.replace(place)

        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            list(pool.map(download, *zip(*missing, strict=True)) if missing else ())
        for place in places:
            os.utime(place)
        self.fetched += len(missing)
        log("silver_fetched", pipeline=dataset.pipeline, dataset=dataset.name, files=len(files), missing=len(missing))
        return places

    def trim(self, limit_bytes: int | None = None) -> None:
        """Forget what the run's tables hold no more: it may be of a person who was forgotten. Then the files that were
        not used for longest, until no more than the limit is kept."""
        for place in {path for folder in {used.parent for used in self.used} for path in folder.iterdir()} - self.used:
            place.unlink()
        disk = shutil.disk_usage(self.folder).total
        self._forget(min(KEPT_BYTES, disk // KEPT_SHARE) if limit_bytes is None else limit_bytes, keep=set())

    def _make_room(self, dataset: Dataset, missing: int, wanted: int) -> None:
        need = missing + (DISK_RESERVE - 1) * wanted
        if need > shutil.disk_usage(self.folder).free:
            self._forget(0, keep=self.used)
        free = shutil.disk_usage(self.folder).free
        if need > free:
            raise EngineError(
                f"Silver of {dataset.pipeline}/{dataset.name} is {wanted} bytes and {self.folder.anchor} has {free} "
                f"free; expected {need}. Give the function more storage or set engine = 'spark'"
            )

    def _forget(self, limit_bytes: int, keep: set[Path]) -> None:
        found = sorted((path.stat().st_mtime_ns, path) for path in self.folder.rglob("*") if path.is_file())
        held = sum(path.stat().st_size for _, path in found)
        for _, path in found:
            if held > limit_bytes and path not in keep:
                held -= path.stat().st_size
                path.unlink()


def _holds(place: Path, file: SlotFile) -> bool:
    return place.is_file() and place.stat().st_size == file.bytes
