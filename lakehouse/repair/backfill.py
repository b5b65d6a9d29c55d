"""A range of days made again: which batches are meant, which of them get a run, and starting those two at a time."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

from lakehouse.contract.model import Pipeline
from lakehouse.errors import RepairError
from lakehouse.gate.objects import current_version
from lakehouse.ledger.items import RunRecord, SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.repair.replay import KEEP, Workflows, look, replay

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

AT_ONCE = 2
ENDED = ("published", "superseded", "failed")
_DAY = re.compile(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Days:
    """A range of UTC days, both ends in it."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Dated:
    """A slot and the day that counts for it."""

    slot: SlotState
    day: date


def day_of_name(batch: str) -> date | None:
    """The day that a batch is named by: the first `YYYY-MM-DD` in its name that the calendar has."""
    for text in _DAY.findall(batch):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return None


def in_range(slots: Iterable[SlotState], days: Days, s3: "S3Client", bucket: str) -> list[Dated]:
    """The slots that a range means, the earliest first: by the day in the batch's name, else by when it was stored."""
    found = (Dated(slot, _day_of(slot, s3, bucket)) for slot in slots)
    return sorted((one for one in found if one.day in days), key=lambda one: (one.day, one.slot.batch, one.slot.key))


def _day_of(slot: SlotState, s3: "S3Client", bucket: str) -> date:
    named = day_of_name(slot.batch)
    if named is not None:
        return named
    stored_at = slot.in_force_at
    if stored_at is None:
        # Nothing of it was ever accepted, and the ledger keeps no time of storing then.
        version = current_version(s3, bucket, slot.key)
        stored_at = version.modified_at if version else slot.at
    return datetime.fromisoformat(stored_at).astimezone(UTC).date()


def batches_in_order(dated: Iterable[Dated]) -> list[str]:
    """The batches of some slots, each once, in the order of their days and names."""
    return list(dict.fromkeys(one.slot.batch for one in dated))


def batches_to_run(pipeline: Pipeline, complete: Sequence[str], ended_well: frozenset[str]) -> tuple[str, ...]:
    """Which of the complete batches of a range get a run.

    Where gold has partitions, every one: each run makes its own. Gold without partitions is a function of all silver,
    so one run, the last batch's, makes all of it again; the others get one only if theirs has not ended well, for their
    files may not be in silver yet.

    Args:
        complete: in order.
        ended_well: those whose run of what they hold was published or superseded.
    """
    if any(table.partition_by for table in pipeline.gold):
        return tuple(complete)
    return tuple(batch for batch in complete if batch == complete[-1] or batch not in ended_well)


@dataclass
class BatchRuns:
    """The runs of some batches of a pipeline: what `two_at_a_time` starts and looks at."""

    pipeline: Pipeline
    ledger: Ledger
    workflows: Workflows
    engine: str | None = KEEP
    changed: frozenset[str] = frozenset()
    """Batches that hold other files since the backfill began: their new run is the one that is wanted."""
    awaited: set[str] = field(default_factory=set)
    """Batches whose run began before: it may have read what was there before, so one more comes after it."""

    def start(self, batch: str) -> None:
        """Start one more run, or leave it to the one that the batch's new files have started."""
        found = look(self.pipeline, batch, self.ledger, self.workflows)
        wanted = batch not in self.changed or self.engine != KEEP
        if found.standing == "running" and wanted:
            self.awaited.add(batch)
        elif found.standing == "unstarted" or wanted:
            replay(self.pipeline, found, self.ledger, self.workflows, self.engine)

    def ended(self, batch: str) -> RunRecord | None:
        """The run that stands for what the batch holds now, once its execution has ended.

        Raises:
            RepairError: the execution has ended without a record in the ledger.
        """
        found = look(self.pipeline, batch, self.ledger, self.workflows)
        if found.standing == "running" or found.run is None:
            return None
        if batch in self.awaited or found.standing == "unstarted":
            self.awaited.discard(batch)
            replay(self.pipeline, found, self.ledger, self.workflows, self.engine)
            return None
        run = self.ledger.run(self.pipeline.name, batch, found.run.run_id)
        if run is None or run.status not in ENDED:
            status = self.workflows.status(self.pipeline.name, found.run.run_id)
            raise RepairError(f"Run {found.run.run_id} ended as {status} without a record of it: replay it")
        return run


def two_at_a_time(
    batches: Sequence[str],
    start: Callable[[str], None],
    ended: Callable[[str], Outcome | None],
    pause: Callable[[], None],
) -> Iterator[tuple[str, Outcome]]:
    """Start one after the other, never more than two at a time; (batch, outcome) as each ends.

    Args:
        ended: the outcome, or None while it runs.
        pause: waits a moment before the next look.
    """
    waiting, running = list(batches), list[str]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            start(waiting[0])
            running.append(waiting.pop(0))
        over = [(batch, outcome) for batch in running if (outcome := ended(batch)) is not None]
        for batch, outcome in over:
            running.remove(batch)
            yield batch, outcome
        if running and not over:
            pause()
