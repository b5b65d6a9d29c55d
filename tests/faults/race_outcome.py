"""What has to be true of every batch once all gates are done, whatever the order of their steps was."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.batches.decide import run_needed
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState, FileRecord, RunRecord, SlotState
from tests.aws.gate_world import World
from tests.faults.race_uploads import DATASETS, GOOD_ROWS, ROWS, TOLD_OF


@dataclass(frozen=True)
class Seen:
    """All that the ledger, Step Functions and people's mail say of one batch."""

    state: BatchState
    slots: Sequence[SlotState]
    files: Sequence[FileRecord]
    runs: Sequence[RunRecord]
    executions: Sequence[str]
    letters: Sequence[dict[str, Any]]


def violations(world: World, batches: Iterable[str]) -> dict[str, list[str]]:
    """What is wrong, by batch; empty when all is as it should be. Everything is read once, for all batches."""
    pipeline, ledger = world.pipelines[world.pipeline], world.ledger
    pages = world.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=world.state_machine_arn)
    executions = [execution["name"] for page in pages for execution in page["executions"]]
    world.messages("nobody")  # fetches all mail
    states = {state.batch: state for state in ledger.batches(pipeline.name)}
    slots, files, runs = defaultdict(list), defaultdict(list), defaultdict(list)
    for slot in ledger.slots(pipeline.name):
        slots[slot.batch].append(slot)
    for file in ledger.files(pipeline.name):
        files[file.batch].append(file)
    for run in ledger.runs(pipeline.name):
        runs[run.batch].append(run)
    found = {}
    for batch in batches:
        seen = Seen(
            state=states.get(batch, BatchState(pipeline.name, batch)),
            slots=slots[batch],
            files=files[batch],
            runs=runs[batch],
            executions=[name for name in executions if name.startswith(f"{pipeline.name}-{batch}-")],
            letters=[letter for letter in world.letters if letter["batch"] == batch],
        )
        found[batch] = list(wrong_with(pipeline, seen))
    return {batch: wrong for batch, wrong in found.items() if wrong}


def wrong_with(pipeline: Pipeline, seen: Seen) -> Iterator[str]:
    """What is wrong with one batch. Pure."""
    needed = run_needed(pipeline, seen.state)
    name = needed.run_id if needed else None
    if list(seen.executions) != [name]:
        yield f"executions {list(seen.executions)}, expected one, {name}"
    if [run.run_id for run in seen.runs] != [name] or seen.state.run_id != name:
        yield f"runs {[run.run_id for run in seen.runs]}, the batch says {seen.state.run_id}, expected one, {name}"
    every = {f"d{number}" for number in range(DATASETS)}
    in_force = sorted((entry.dataset, entry.rows) for entry in seen.state.slots.values())
    if in_force != sorted((dataset, GOOD_ROWS) for dataset in every):
        yield f"in force {in_force}"
    if seen.state.generation != DATASETS:
        yield f"the manifest changed {seen.state.generation} times, expected {DATASETS}"
    judged = sorted((slot.dataset, slot.verdict, slot.revision, slot.notified_revision) for slot in seen.slots)
    if judged != sorted((dataset, "accepted", 1, 1) for dataset in every):
        yield f"slots {judged}"
    rows = sorted((file.dataset, file.rows_in, file.rows_accepted, _not_accepted(file)) for file in seen.files)
    if rows != sorted((dataset, ROWS, GOOD_ROWS, ROWS - GOOD_ROWS) for dataset in every):
        yield f"rows {rows}"
    told = sorted((letter["dataset"], letter["kind"]) for letter in seen.letters)
    if told != sorted((dataset, "rows_quarantined") for dataset in TOLD_OF):
        yield f"people were told of {told}"


def _not_accepted(file: FileRecord) -> int:
    return file.rows_quarantined + file.rows_duplicate
