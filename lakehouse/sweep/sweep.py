"""One sweep of a pipeline: what is recorded but not followed up is followed up, what waits too long is told.

It looks at what changed within `decide.LOOK_BACK`, as the index `by-kind` lists it: three queries a pipeline, page by
page. The index may be a moment behind, so whatever is to be done is decided again on items read consistently, or done
on condition that they are as they were seen. All of it may be done again, by another sweep or beside a gate: entries go
in by revision, runs start by name, messages are taken on by one (see lakehouse.ledger.notices). What is younger than a
lease is left to whoever is at it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from lakehouse import notify
from lakehouse.contract.model import Pipeline, Place
from lakehouse.gate.settle import Settler
from lakehouse.ledger import notices
from lakehouse.ledger.items import BatchState, SlotState
from lakehouse.log import log
from lakehouse.metrics import measure
from lakehouse.names import UNKNOWN
from lakehouse.sweep import decide
from lakehouse.sweep.messages import about_overdue
from lakehouse.sweep.runs import RunSweeper


@dataclass(frozen=True)
class Swept:
    """One thing that a sweep did."""

    what: str
    """`settled`, `started`, `batch_overdue`, or of a run what `decide.Action` says."""
    pipeline: str
    batch: str
    subject: str
    """Object key, run id or missing datasets."""


@dataclass(frozen=True)
class Sweeper:
    """Sees to what is left undone. AWS calls go through the settler's clients."""

    settler: Settler
    sweep_id: str
    """The same when the same sweep is repeated after a crash."""
    at: datetime
    """When the sweep was due, UTC."""

    def sweep_all(self) -> list[Swept]:
        """Every pipeline, and the files that fit none. One that fails does not keep the others from being swept.

        Raises:
            ExceptionGroup: some failed; the others were swept.
        """
        done: list[Swept] = []
        failures: list[Exception] = []
        pipelines = self.settler.pipelines
        work = {UNKNOWN: self.sweep_unknown} | {
            name: partial(self.sweep, pipeline) for name, pipeline in pipelines.items()
        }
        for name, sweep in work.items():
            try:
                done += sweep()
            except Exception as failure:  # noqa: BLE001 - logged, and raised below
                log("sweep_failed", pipeline=name, error=repr(failure))
                failures.append(failure)
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(work)} sweeps failed", failures)
        return done

    def sweep_unknown(self) -> list[Swept]:
        """Tell of files that fit no pipeline, where the gate that refused them died before. Raises as `sweep`."""
        slots = tuple(self.settler.ledger.slots(UNKNOWN, self._since))
        return list(self._settle(slots, {slot.batch: BatchState(UNKNOWN, slot.batch) for slot in slots}))

    def sweep(self, pipeline: Pipeline) -> list[Swept]:
        """All of one pipeline.

        Raises:
            LakeError: the ledger holds something that the code cannot have written.
            botocore's ClientError: AWS refused something.
        """
        slots = tuple(self.settler.ledger.slots(pipeline.name, self._since))
        batches = self._batches(pipeline.name, slots)
        done = [
            *self._settle(slots, batches),
            *self._start(pipeline, batches),
            *self._tell_overdue(pipeline, batches, decide.by_batch(slots)),
        ]
        runs = tuple(RunSweeper(self.settler, self.sweep_id, self.at).sweep(pipeline, self._since))
        waiting = sum(bool(decide.overdue(pipeline, batch, self.at)) for batch in batches.values())
        found = {"BatchesOverdue": waiting, "RunsStuck": sum(one.stuck for one in runs)}
        if any(found.values()):
            measure(self.settler.settings.event_source, pipeline.name, {k: v for k, v in found.items() if v})
        swept = (one for one in runs if one.done != "leave")
        return [*done, *(Swept(one.done, one.run.pipeline, one.run.batch, one.run.run_id) for one in swept)]

    @property
    def _since(self) -> str:
        return (self.at - decide.LOOK_BACK).isoformat(timespec="microseconds")

    def _batches(self, pipeline: str, slots: Sequence[SlotState]) -> Mapping[str, BatchState]:
        """Batches by name: those that changed, and those of the slots that did."""
        ledger = self.settler.ledger
        found = {state.batch: state for state in ledger.batches(pipeline, self._since)}
        others = decide.by_batch(slot for slot in slots if slot.batch not in found)
        return found | {
            batch: decide.with_refused_only(ledger.batch(pipeline, batch), some) for batch, some in others.items()
        }

    def _settle(self, slots: Sequence[SlotState], batches: Mapping[str, BatchState]) -> Iterator[Swept]:
        ledger = self.settler.ledger
        for seen in slots:
            if decide.is_settled(seen, batches[seen.batch]) or not decide.is_left_alone(seen.at, self.at):
                continue
            slot = ledger.slot(Place(seen.pipeline, seen.dataset, seen.batch, seen.key, seen.slot_id))
            if slot is None or slot.revision != seen.revision:
                continue  # the gate is at it
            if decide.is_settled(slot, ledger.batch(slot.pipeline, slot.batch)):
                continue
            self.settler.settle(slot, self.sweep_id, self.at.isoformat(timespec="microseconds"))
            yield self._did(Swept("settled", slot.pipeline, slot.batch, slot.key))

    def _start(self, pipeline: Pipeline, batches: Mapping[str, BatchState]) -> Iterator[Swept]:
        for seen in batches.values():
            if not decide.is_unstarted(pipeline, seen) or not decide.is_left_alone(seen.at, self.at):
                continue
            state = self.settler.ledger.batch(seen.pipeline, seen.batch)
            if decide.is_unstarted(pipeline, state) and state.generation == seen.generation:
                run = self.settler.start(state)
                yield self._did(Swept("started", state.pipeline, state.batch, run.run_id if run else ""))

    def _tell_overdue(
        self, pipeline: Pipeline, batches: Mapping[str, BatchState], slots: Mapping[str, Sequence[SlotState]]
    ) -> Iterator[Swept]:
        ledger = self.settler.ledger
        for seen in batches.values():
            missing = decide.overdue(pipeline, seen, self.at)
            if not missing:
                continue
            message = about_overdue(pipeline, seen, missing, slots.get(seen.batch, ()))
            if seen.told_overdue.get("id") == message.id and not notices.is_open(seen.told_overdue):
                continue
            if not seen.slots and not seen.markers:
                ledger.table.create(seen)  # nothing was ever accepted: the batch gets its item, which remembers
            if notices.take_on(ledger.table, seen, message.id, self.sweep_id, self.at):
                notify.send(self.settler.sns, self.settler.settings.topic_arn, message)
                notices.sent(ledger.table, seen, message.id, self.at)
                yield self._did(Swept("batch_overdue", seen.pipeline, seen.batch, ", ".join(missing)))

    def _did(self, swept: Swept) -> Swept:
        log("swept", **vars(swept))
        return swept
