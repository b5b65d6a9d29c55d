"""A range of a pipeline's days made again: what is in it, judging anew, runs, and what came of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.ending import SLOWEST_POLL_SECONDS
from cli.judging import await_verdicts, judge_anew
from cli.lake import Lake
from cli.screen import Screen
from cli.text import seconds_between
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import FileRecord, RunRecord
from lakehouse.repair.backfill import (
    BatchRuns,
    Days,
    batches_in_order,
    batches_to_run,
    in_range,
    two_at_a_time,
)
from lakehouse.repair.judge_again import Judged, Released, judge_of, judged_files
from lakehouse.repair.replay import Replayable, Workflows, look


@dataclass(frozen=True)
class Range:
    """What a range of days holds."""

    pipeline: Pipeline
    days: Days
    to_judge: tuple[Judged, ...]
    """Files whose contract has changed since they were judged."""
    batches: dict[str, Replayable]
    """In order."""
    ended_well: frozenset[str]

    @property
    def complete(self) -> list[str]:
        """The batches that no dataset is missing in."""
        return [batch for batch, found in self.batches.items() if found.standing not in ("absent", "incomplete")]

    @property
    def makers(self) -> tuple[str, ...]:
        """The batches whose runs make all gold of the range, where their files are in silver."""
        return batches_to_run(self.pipeline, self.complete, frozenset(self.complete))

    @property
    def runs(self) -> tuple[str, ...]:
        """The batches that get a run, whether by their files or by asking for it."""
        judged = {one.slot.batch for one in self.to_judge}
        return batches_to_run(self.pipeline, self.complete, self.ended_well - judged)

    def document(self) -> dict[str, Any]:
        """The plan as one JSON value."""
        return {
            "pipeline": self.pipeline.name,
            "from": self.days.first.isoformat(),
            "to": self.days.last.isoformat(),
            "judge": [one.slot.key for one in self.to_judge],
            "batches": list(self.batches),
            "runs": list(self.runs),
            "incomplete": {batch: list(one.missing) for batch, one in self.batches.items() if one.missing},
        }


@dataclass(frozen=True)
class BatchResult:
    """What came of one batch."""

    batch: str
    run: RunRecord
    by: str
    """`workflow` or `spark-submit`."""

    def document(self) -> dict[str, Any]:
        """As one JSON value."""
        run = self.run
        return {
            "batch": self.batch,
            "by": self.by,
            "run_id": run.run_id,
            "status": run.status,
            "engine": run.engine,
            "seconds": seconds_between(run.started_at, run.published_at),
            "gold_rows": sum(one.rows for one in run.gold.values()),
            "error": run.error,
        }


def look_at(lake: Lake, pipeline: Pipeline, days: Days, workflows: Workflows) -> Range:
    """What the range holds now."""
    judged = dict[str, FileRecord]()
    slots = []
    for slot, file in judged_files(lake.ledger, pipeline.name):
        slots.append(slot)
        judged[slot.slot_id] = file
    dated = in_range(slots, days, lake.client("s3"), lake.settings.bucket)
    files = (judge_of(one.slot, judged[one.slot.slot_id], lake.keyed, lake.ledger) for one in dated)
    batches = {batch: look(pipeline, batch, lake.ledger, workflows) for batch in batches_in_order(dated)}
    well = frozenset(batch for batch, found in batches.items() if _ended_well(lake, found))
    return Range(pipeline, days, tuple(one for one in files if one.standing == "to_judge"), batches, well)


def _ended_well(lake: Lake, found: Replayable) -> bool:
    if found.run is None or found.standing != "ended":
        return False
    run = lake.ledger.run(found.run.pipeline, found.run.batch, found.run.run_id)
    return run is not None and run.status in ("published", "superseded")


def judge_range(lake: Lake, found: Range, screen: Screen) -> list[Released]:
    """Have the files of the range judged under the present contract; what came of each."""
    if not found.to_judge:
        return []
    return await_verdicts(lake, found.to_judge, judge_anew(lake, found.to_judge), screen)


def run_batches(
    lake: Lake, before: Range, batches: Sequence[str], workflows: Workflows, engine: str | None, screen: Screen
) -> Iterator[BatchResult]:
    """Run batches by their workflow, two at a time; each as it ends."""
    states = {batch: lake.ledger.batch(before.pipeline.name, batch) for batch in batches}
    changed = {batch for batch, state in states.items() if state.generation != before.batches[batch].state.generation}
    runs = BatchRuns(before.pipeline, lake.ledger, workflows, engine, frozenset(changed))
    with screen.waiting(f"Runs of {before.pipeline.name}") as tell:
        ending = two_at_a_time(batches, runs.start, runs.ended, lambda: time.sleep(SLOWEST_POLL_SECONDS / 4))
        for count, (batch, run) in enumerate(ending, start=1):
            tell(f"Runs of {before.pipeline.name}: {count} of {len(batches)} ended")
            yield BatchResult(batch, run, "workflow")


def needs_workflow(before: Range, after: Range) -> list[str]:
    """Where spark-submit makes gold: the batches whose files a workflow must bring into silver first."""
    moved = {one for one in after.complete if _generation(before, one) != _generation(after, one)}
    return [batch for batch in after.complete if batch in moved or batch not in after.ended_well]


def _generation(found: Range, batch: str) -> int:
    return found.batches[batch].state.generation
