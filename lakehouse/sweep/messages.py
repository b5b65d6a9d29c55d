"""What a sweep tells people. Pure. Names, counts and codes only: nothing that a file holds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState, RunRecord, SlotState
from lakehouse.notify import Notification
from lakehouse.sweep.decide import Execution

FILES_NAMED = 10
"""Refused files that a message names, at most."""


def about_overdue(
    pipeline: Pipeline, batch: BatchState, missing: Sequence[str], slots: Iterable[SlotState]
) -> Notification:
    """The message of a batch that waits too long: which datasets are missing and why, which are there.

    Args:
        slots: of the batch, as far as they are known: they say which files were refused.
    """
    files, rows = Counter[str](), Counter[str]()
    for held in batch.slots.values():
        files[held.dataset] += 1
        rows[held.dataset] += held.rows
    refused = {name: [one for one in slots if one.dataset == name and one.verdict == "refused"] for name in missing}
    lines = [f"Batch {batch.batch} waits for {', '.join(missing)} since {_minute(batch.at)} UTC. Missing:\n"]
    for name in missing:
        lines += _about_missing(pipeline, batch, name, files[name], refused[name])
    there = [one.name for one in pipeline.datasets if one.name not in missing]
    lines += (
        ["There:\n", *(f"  {name}: {_count(files[name], 'file')}, {_count(rows[name], 'row')}\n" for name in there)]
        if there
        else []
    )
    minutes = pipeline.deadlines.batch_minutes
    lines.append(
        f"Its run starts by itself once they are there. Deadline: {minutes:,} minutes after the last change.\n"
    )
    return Notification(
        id=names.digest("notification", "overdue", batch.pipeline, batch.batch, batch.at, *missing),
        kind="batch_overdue",
        pipeline=batch.pipeline,
        subject=f"[{batch.pipeline}] Batch {batch.batch} overdue: waits for {', '.join(missing)}",
        text="".join(lines),
        details={
            "batch": batch.batch,
            "missing": list(missing),
            "present": {name: {"files": files[name], "rows": rows[name]} for name in there},
            "refused": {name: sorted(one.key for one in some) for name, some in refused.items() if some},
            "since": batch.at,
            "deadline_minutes": minutes,
        },
    )


def about_stuck(run: RunRecord, execution: Execution, run_minutes: int) -> Notification:
    """The message of a run whose execution still runs, beyond its time."""
    began = execution.began_at.isoformat(timespec="seconds")
    text = (
        f"The run {run.run_id} of {run.pipeline}, batch {run.batch}, runs since {_minute(began)} UTC, longer than "
        f"{run_minutes:,} minutes. The last that it recorded: {run.status}.\n"
        f"It is left to run. What it did so far: lake runs {run.pipeline}\n"
    )
    return _about_run(run, execution, "stuck", f"Run stuck: batch {run.batch}, {run.status}", text, began)


def about_unrecorded(run: RunRecord, execution: Execution) -> Notification:
    """The message of a run whose execution succeeded without its end in the ledger: nothing of ours does that."""
    text = (
        f"The execution of the run {run.run_id} of {run.pipeline}, batch {run.batch}, SUCCEEDED, but the ledger knows "
        f"it as {run.status} only. Either its workflow lacks the step that publishes, or the ledger was changed or "
        f"restored.\nWhat readers see: lake status. To make its gold again: lake replay {run.run_id}\n"
    )
    return _about_run(run, execution, "unrecorded", f"Run ended without a word: batch {run.batch}", text)


def _about_run(
    run: RunRecord, execution: Execution, what: str, subject: str, text: str, *identity: str
) -> Notification:
    return Notification(
        id=names.digest("notification", what, run.run_id, *identity),
        kind="run_stuck",
        pipeline=run.pipeline,
        subject=f"[{run.pipeline}] {subject}",
        text=text,
        details={
            "batch": run.batch,
            "run_id": run.run_id,
            "status": run.status,
            "execution_status": execution.status,
            "began_at": execution.began_at.isoformat(timespec="seconds"),
        },
    )


def _about_missing(
    pipeline: Pipeline, batch: BatchState, name: str, files: int, refused: Sequence[SlotState]
) -> Iterable[str]:
    dataset = pipeline.dataset(name)
    lacks = [f"{files} of {_count(dataset.parts, 'file')}"] if files < dataset.parts else []
    lacks += [f"no marker {dataset.marker}"] if dataset.marker and name not in batch.markers else []
    yield f"  {name}: {', '.join(lacks)}\n"
    for slot in sorted(refused, key=lambda one: one.key)[:FILES_NAMED]:
        yield f"    refused ({(slot.reason or 'no reason given').replace('_', ' ')}): {slot.key}\n"
    if len(refused) > FILES_NAMED:
        yield f"    and {len(refused) - FILES_NAMED:,} more\n"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _minute(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M")
