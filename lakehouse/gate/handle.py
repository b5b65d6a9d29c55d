"""The gate at work: one event says that an object may have changed; what counts is the object's current version.

Why repeats, reordering, races and crashes do no harm:
- A gate reads the slot's last revision, then looks at the object's current version, and may record its verdict only as
  the next revision. So revisions follow the object's versions in time, and whoever was overtaken looks again.
- Everything written before that is named by content. Everything after it (batch, run, message) is made from the slot as
  recorded, by `settle`, which a repeated event runs again. So a crash between any two steps is mended by its repeat.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lakehouse import names
from lakehouse.contract.model import Dataset, Pipeline, Place, RefusedPlace
from lakehouse.contract.personal import stored_columns
from lakehouse.contract.route import place_of
from lakehouse.errors import EventError, LakeError, LedgerError
from lakehouse.events import ObjectCreated
from lakehouse.gate import decide, objects
from lakehouse.gate.erased import judge_erased
from lakehouse.gate.judge import Judgement
from lakehouse.gate.objects import ObjectVersion
from lakehouse.gate.settle import Settler
from lakehouse.ledger.items import FileRecord, SlotState, now
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.metrics import measure
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_stepfunctions.client import SFNClient

MAX_LOOKS = 20
READ_BYTES = 1024**2
Reopen = Callable[[], AbstractContextManager[BinaryIO]]
Judge = Callable[[BinaryIO, str, Dataset, Path, Reopen], Judgement]


@dataclass(frozen=True)
class Gate:
    """Judges bronze objects and sees to what follows. All AWS calls go through the clients given here."""

    s3: "S3Client"
    ledger: Ledger
    stepfunctions: "SFNClient"
    sns: "SNSClient"
    settings: Settings
    pipelines: Mapping[str, Pipeline]
    judge: Judge

    def handle(self, created: ObjectCreated, message_id: str) -> None:
        """See to it that the verdict on the object's current version is recorded, and all that follows from it.

        Args:
            message_id: id of the SQS message, the same when it is delivered again.

        Raises:
            EventError: the event is about another bucket.
            LakeError: the object changed faster than it could be judged.
            botocore's ClientError: AWS refused something. The caller lets the message be delivered again.
        """
        if created.bucket != self.settings.bucket:
            raise EventError(f"Event about bucket {created.bucket!r}, expected {self.settings.bucket!r}")
        if not created.key.startswith(f"{names.BRONZE}/"):
            # The rule asks for bronze alone. Were it to bring silver or quarantine, refusing would make ever more.
            log("event_ignored", key=created.key, why="not below bronze/")
            return
        found = place_of(created.key, self.pipelines)
        if isinstance(found, RefusedPlace):
            self._see_to(decide.unknown_place(found), message_id, found)
        elif found.marker:
            self._settler.start(self.ledger.put_marker(found.pipeline, found.batch, found.dataset))
        else:
            self._see_to(found, message_id, None)

    def _see_to(self, place: Place, message_id: str, unknown: RefusedPlace | None) -> None:
        contract_hash = decide.NO_CONTRACT if unknown else self._dataset(place).contract_hash
        slot = self.ledger.slot(place)
        for _ in range(MAX_LOOKS):
            # In this order: the slot first, the object after it. See the module's text.
            version = objects.current_version(self.s3, self.settings.bucket, place.key)
            if version is None:
                log("object_absent", **_of(place))
                return
            if place.key.endswith("/") and version.bytes == 0:
                log("event_ignored", key=place.key, why="a folder's placeholder, as the console makes it")
                return
            if slot is not None and decide.is_judged(slot, version, contract_hash):
                self._settler.settle(slot, message_id, now())
                return
            if slot is not None and slot.notified_revision < slot.revision:
                self._settler.tell(slot)  # before the next revision takes its place
            slot = self._judge(place, version, slot, message_id, unknown) or self.ledger.slot(place)
        raise LakeError(f"{place.key} changed {MAX_LOOKS} times while it was judged: the event will be tried again")

    def _judge(
        self,
        place: Place,
        version: ObjectVersion,
        before: SlotState | None,
        message_id: str,
        unknown: RefusedPlace | None,
    ) -> SlotState | None:
        """Judge a version, store what comes of it, record it. None when another gate recorded a verdict meanwhile."""
        start = time.monotonic()
        contract_hash = decide.NO_CONTRACT if unknown else self._dataset(place).contract_hash
        columns = () if unknown else stored_columns(self._dataset(place).columns)
        with self._judged(place, version, unknown) as judgement:
            file_id = names.file_id(place.slot_id, judgement.content_sha256, contract_hash)
            file = decide.file_record(place, version, judgement, columns, file_id, 0, 0.0, now())
            parquet_bytes = self._store(version, judgement, file)
        seconds = time.monotonic() - start
        file = replace(file, parquet_bytes=parquet_bytes, seconds=seconds, at=now())
        slot = decide.next_revision(before, place, version, contract_hash, file, message_id)
        recorded = self.ledger.record(slot, file)
        log(
            "file_judged" if recorded else "file_overtaken",
            **_of(place),
            verdict=file.verdict,
            reason=file.reason,
            file_id=file_id,
            bytes=file.bytes,
            rows_in=file.rows_in,
            rows_accepted=file.rows_accepted,
            rows_quarantined=file.rows_quarantined,
            rows_duplicate=file.rows_duplicate,
            seconds=round(seconds, 3),
            parts_seconds=judgement.seconds,
        )
        if recorded:
            measure(self.settings.event_source, place.pipeline, decide.measured(file))
        return slot if recorded else None

    @contextmanager
    def _judged(self, place: Place, version: ObjectVersion, unknown: RefusedPlace | None) -> Iterator[Judgement]:
        """The judgement of a version; its files exist only inside."""

        def reopen() -> AbstractContextManager[BinaryIO]:
            return objects.open_version(self.s3, self.settings.bucket, version)

        with tempfile.TemporaryDirectory(prefix="gate-") as folder, reopen() as stream:
            if unknown is None:
                judge = partial(judge_erased, self.judge) if version.erased else self.judge
                yield judge(stream, place.key, self._dataset(place), Path(folder), reopen)
                return
            sha256 = hashlib.sha256()
            while piece := stream.read(READ_BYTES):
                sha256.update(piece)
            yield decide.refused_unread(unknown, sha256.hexdigest(), version.bytes)

    def _store(self, version: ObjectVersion, judgement: Judgement, file: FileRecord) -> int:
        """Put silver and quarantine where their names say; the silver file's size, bytes (0 for a refused file)."""
        bucket, parquet_bytes = self.settings.bucket, 0
        if file.verdict == "accepted":
            if judgement.parquet is None:
                raise LedgerError(f"{file.key} was accepted without a Parquet file: the gate's judge has a fault")
            key = names.silver_prefix(file.pipeline, file.dataset) + names.silver_data_path(file.file_id)
            parquet_bytes = objects.store_once(self.s3, bucket, key, judgement.parquet)
        folder = names.quarantine_prefix(file.pipeline, file.dataset, file.file_id)
        if judgement.quarantine_rows is not None:
            objects.quarantine_rows(self.s3, bucket, folder, judgement.quarantine_rows)
        if file.verdict == "refused" and decide.keeps_original(file.pipeline, file.dataset, file.key, self.pipelines):
            objects.quarantine_original(self.s3, bucket, folder, version)
        if file.verdict == "refused" or judgement.quarantine_rows is not None:
            objects.quarantine_verdict(self.s3, bucket, folder, decide.verdict(file))
        return parquet_bytes

    @cached_property
    def _settler(self) -> Settler:
        return Settler(self.ledger, self.stepfunctions, self.sns, self.settings, self.pipelines)

    def _dataset(self, place: Place) -> Dataset:
        return self.pipelines[place.pipeline].dataset(place.dataset)


def _of(place: Place) -> dict[str, str]:
    return {"pipeline": place.pipeline, "dataset": place.dataset, "batch": place.batch, "key": place.key}
