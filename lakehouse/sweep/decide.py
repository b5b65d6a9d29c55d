"""What a sweep has to see to. Pure: ledger values in, decisions out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from lakehouse.batches.decide import Run, missing, run_needed
from lakehouse.contract.model import Deadlines, Pipeline
from lakehouse.ledger import notices
from lakehouse.ledger.items import BatchState, RunRecord, SlotState
from lakehouse.runs import FINAL

LOOK_BACK = timedelta(days=14)
"""A sweep looks at what changed in this time: as long as a message may lie in a queue of dead letters."""

Action = Literal["leave", "tell_stuck", "record_failure", "tell_unrecorded", "start_again", "supersede"]


@dataclass(frozen=True)
class Execution:
    """A run's execution, as Step Functions describes it."""

    status: str
    """`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, `PENDING_REDRIVE`."""
    began_at: datetime
    """When it was started, or started anew (redriven)."""
    error: str = ""
    cause: str = ""


def is_settled(slot: SlotState, batch: BatchState) -> bool:
    """Whether all has followed from the slot's last verdict but, maybe, the start of a run: see `is_unstarted`."""
    held = batch.slots.get(slot.slot_id)
    in_force = slot.in_force_file_id is None or (held is not None and held.revision >= slot.revision)
    return in_force and slot.notified_revision >= slot.revision


def is_unstarted(pipeline: Pipeline, batch: BatchState) -> bool:
    """Whether the batch needs a run that was not started, or whose start is not recorded."""
    run = run_needed(pipeline, batch)
    return run is not None and run.run_id != batch.run_id


def is_over(since: str, minutes: float, at: datetime) -> bool:
    """Whether more than so many minutes have passed since a time of the ledger; an item without one has no time."""
    return bool(since) and at - datetime.fromisoformat(since) > timedelta(minutes=minutes)


def is_left_alone(since: str, at: datetime) -> bool:
    """Whether whoever wrote this has done what it could: a Lambda at work needs no help and is given its time."""
    return is_over(since, notices.LEASE / timedelta(minutes=1), at)


def overdue(pipeline: Pipeline, batch: BatchState, at: datetime) -> tuple[str, ...]:
    """The datasets that a batch beyond its deadline waits for; none before that.

    The time runs from the last change in the batch, not from its first file: while parts still come, in their order or
    corrected, the producer is at work, and each change gives it the whole time again. That is also what makes a batch
    that people were told of tellable anew.
    """
    if not is_over(batch.at, pipeline.deadlines.batch_minutes, at):
        return ()
    return missing(pipeline, batch)


def with_refused_only(batch: BatchState, slots: Iterable[SlotState]) -> BatchState:
    """A batch as it stands where no file of it was ever accepted: since its last verdict."""
    return batch if batch.at else replace(batch, at=max((slot.at for slot in slots), default=""))


def is_doubtful(run: RunRecord, deadlines: Deadlines, at: datetime) -> bool:
    """Whether Step Functions should be asked how a run stands: it is late, or nobody has yet said that it failed."""
    if run.status == "failed":
        return notices.is_open(run.told_stuck)
    return run.status not in FINAL and is_over(run.at, deadlines.run_minutes, at)


def what_to_do(
    run: RunRecord, execution: Execution | None, needed: Run | None, deadlines: Deadlines, at: datetime
) -> Action:
    """What a doubtful run needs.

    Args:
        run: read after the execution was described, so that an end recorded meanwhile is seen.
        execution: None where there is none of this name: it was deleted, or AWS has forgotten it after 90 days.
        needed: the run that stands for the batch as it is; None while a dataset is missing.
    """
    if run.status in FINAL or (run.status == "failed" and not notices.is_open(run.told_stuck)):
        return "leave"
    if execution is None:
        if needed is None or run.status == "failed":
            return "leave"
        return "start_again" if needed.run_id == run.run_id else "supersede"
    if execution.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        return "record_failure"
    if execution.status == "SUCCEEDED":
        return "tell_unrecorded"
    late = at - execution.began_at > timedelta(minutes=deadlines.run_minutes)
    return "tell_stuck" if late and run.status != "failed" else "leave"


def by_batch(slots: Iterable[SlotState]) -> Mapping[str, tuple[SlotState, ...]]:
    """Slots by the name of their batch."""
    found: dict[str, list[SlotState]] = {}
    for slot in slots:
        found.setdefault(slot.batch, []).append(slot)
    return {batch: tuple(some) for batch, some in found.items()}
