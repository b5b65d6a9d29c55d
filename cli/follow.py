"""Follows uploaded files through the ledger: the gate's verdict on each, then the run of each batch to its end."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.ending import execution_arn, pause
from cli.errors import CliError
from cli.lake import Lake
from cli.screen import Screen, Tell
from cli.text import count_text, counts_text, seconds_between, short_run
from cli.upload import Upload
from lakehouse.batches.decide import missing, run_needed
from lakehouse.ledger.items import BatchState, FileRecord, RunRecord, SlotState

LOOK_AT_LOGS_AFTER_SECONDS = 5.0
VERDICT_SECONDS = 900.0
RUN_SECONDS = 3600.0
ENDED = ("published", "superseded", "failed")
DOING = {
    "started": "Commit: silver takes the files",
    "committed": "Gold: the engine runs the SQL",
    "gold_written": "Publish: readers are shown the new gold",
}


@dataclass(frozen=True)
class FileOutcome:
    """What became of one uploaded file."""

    upload: Upload
    slot: SlotState
    record: FileRecord

    @property
    def changed(self) -> bool:
        """Whether it changed what is in force in its slot."""
        return self.slot.in_force_file_id != self.upload.before_file_id

    @property
    def keeps_older(self) -> bool:
        """It was refused, and an earlier version stays in force."""
        return self.record.verdict == "refused" and self.slot.in_force_file_id is not None


@dataclass(frozen=True)
class BatchOutcome:
    """What became of the uploaded files of one batch."""

    pipeline: str
    batch: str
    files: tuple[FileOutcome, ...]
    missing: tuple[str, ...]
    """Datasets that the batch still waits for."""
    run: RunRecord | None
    """The run that stands for the batch now; none while it is incomplete."""

    @property
    def changed(self) -> bool:
        """Whether any file changed what is in force."""
        return any(file.changed for file in self.files)

    @property
    def good(self) -> bool:
        """All files accepted, and no run failed."""
        return all(file.record.verdict == "accepted" for file in self.files) and not (
            self.run and self.run.status == "failed"
        )


def follow(lake: Lake, sent: Sequence[Upload], screen: Screen) -> list[BatchOutcome]:
    """Wait for every verdict and then for every run.

    Raises:
        CliError: a verdict or a run's end does not come; says what the logs say.
    """
    files = verdicts(lake, sent, screen)
    batches = dict.fromkeys((one.place.pipeline, one.place.batch) for one in sent)
    return [
        await_batch(lake, pipeline, batch, screen, tuple(_of_batch(files, pipeline, batch)))
        for pipeline, batch in batches
    ]


def verdicts(lake: Lake, sent: Sequence[Upload], screen: Screen) -> list[FileOutcome]:
    """Wait for the gate's verdict on every upload, in the order of their upload. Raises CliError as `follow` does."""
    return [_verdict(lake, one, screen) for one in sent]


def await_batch(
    lake: Lake, pipeline: str, batch: str, screen: Screen, files: tuple[FileOutcome, ...] = ()
) -> BatchOutcome:
    """Wait until the run that stands for a batch's files in force has ended, however often they change meanwhile."""
    contract = lake.pipeline(pipeline)
    while True:
        state = lake.ledger.batch(pipeline, batch)
        absent = missing(contract, state)
        if absent:
            return BatchOutcome(pipeline, batch, files, absent, None)
        needed = run_needed(contract, state)
        run = _await_run(lake, state, needed.run_id, screen) if needed else None
        if run is not None:
            return BatchOutcome(pipeline, batch, files, (), run)


def _of_batch(files: Sequence[FileOutcome], pipeline: str, batch: str) -> Iterator[FileOutcome]:
    return (one for one in files if (one.upload.place.pipeline, one.upload.place.batch) == (pipeline, batch))


def _verdict(lake: Lake, one: Upload, screen: Screen) -> FileOutcome:
    """Wait until the gate has judged the uploaded version, or one that replaced it since."""
    started, place = time.monotonic(), one.place
    look = LOOK_AT_LOGS_AFTER_SECONDS
    with screen.waiting(f"Gate judges {one.path.name}"):
        while True:
            slot = lake.ledger.slot(place)
            waited = time.monotonic() - started
            if slot and _is_judged(one, slot) and _is_settled(lake, slot):
                break
            if waited > look:
                raise_gate_error(lake, one.sent_at_ms, f"{one.path.name} was uploaded")
                look += LOOK_AT_LOGS_AFTER_SECONDS
            if waited > VERDICT_SECONDS:
                raise CliError(f"The gate has not judged {place.key} within {VERDICT_SECONDS:.0f} s", gate_log(lake))
            time.sleep(pause(waited))
    record = lake.ledger.file(place.pipeline, place.batch, slot.file_id)
    if record is None:
        raise CliError(f"The ledger names file {slot.file_id} for {place.key} but does not hold it")
    outcome = FileOutcome(one, slot, record)
    _tell_verdict(screen, outcome)
    return outcome


def _is_judged(one: Upload, slot: SlotState) -> bool:
    ours = slot.judged_version_id == one.version_id
    return slot.revision > one.before_revision + (0 if ours else 1)


def _is_settled(lake: Lake, slot: SlotState) -> bool:
    """Whether the batch holds what the slot says is in force: the gate writes the one after the other."""
    if slot.in_force_file_id is None:
        return True
    entry = lake.ledger.batch(slot.pipeline, slot.batch).slots.get(slot.slot_id)
    return entry is not None and (entry.file_id == slot.in_force_file_id or entry.revision > slot.revision)


def _tell_verdict(screen: Screen, outcome: FileOutcome) -> None:
    record, name = outcome.record, outcome.upload.path.name
    if record.verdict == "refused":
        kept = "; the earlier version stays in force" if outcome.keeps_older else ""
        screen.warn(f"Gate refused {name}: {record.message or record.reason}{kept}")
        return
    parts = [count_text(record.rows_accepted, "row") + " accepted"]
    if record.rows_quarantined:
        parts.append(f"{record.rows_quarantined:,} quarantined ({counts_text(record.by_reason)})")
    if record.rows_duplicate:
        parts.append(f"{record.rows_duplicate:,} exact duplicates dropped")
    if not outcome.changed:
        parts.append("nothing new: this content is in force already")
    screen.done(f"Gate: {name}: {', '.join(parts)}", record.seconds if outcome.changed else None)


def _await_run(lake: Lake, state: BatchState, run_id: str, screen: Screen) -> RunRecord | None:
    """Wait for a run's end; None when its batch changed meanwhile, so that another run stands for it."""
    started, look, told = time.monotonic(), LOOK_AT_LOGS_AFTER_SECONDS, ""
    with screen.waiting("The run starts") as tell:
        while True:
            run = lake.ledger.run(state.pipeline, state.batch, run_id)
            if run and run.status in ENDED:
                break
            if lake.ledger.batch(state.pipeline, state.batch).generation != state.generation:
                return None
            told = _tell_step(screen, tell, run, told)
            waited = time.monotonic() - started
            if waited > look:
                _raise_dead_execution(lake, state, run_id)
                look += LOOK_AT_LOGS_AFTER_SECONDS
            if waited > RUN_SECONDS:
                raise CliError(f"Run {run_id} has not ended within {RUN_SECONDS:.0f} s", "lake runs")
            time.sleep(pause(waited))
    if run.status == "published":
        took = seconds_between(run.started_at, run.published_at)
        screen.done(f"Run {short_run(run_id)} on {run.engine}: gold is published", took)
    return run


def _tell_step(screen: Screen, tell: Tell, run: RunRecord | None, told: str) -> str:
    status = run.status if run else ""
    if status and status != told:
        engine = f" ({run.engine})" if run and run.engine and status == "committed" else ""
        tell(DOING[status] + engine)
        if not screen.err.is_terminal:
            screen.say(f"  {DOING[status]}{engine}")
    return status


def raise_gate_error(lake: Lake, since_ms: int, what: str) -> None:
    """A gate that dies on a file is asked again only when the queue shows it again, which takes long: say so now."""
    pages = (
        lake.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=_gate_log_group(lake), startTime=since_ms, filterPattern="ERROR")
    )
    found = [event["message"].strip() for page in pages for event in page["events"]]
    if found:
        raise CliError(f"The gate failed since {what}. It says:\n{found[-1]}", gate_log(lake))


def gate_log(lake: Lake) -> str:
    """Where to look for what the gate could not do."""
    return f"Log group {_gate_log_group(lake)}; dead letters: lake dlq list"


def _gate_log_group(lake: Lake) -> str:
    return f"/aws/lambda/{lake.prefix}-gate"


def _raise_dead_execution(lake: Lake, state: BatchState, run_id: str) -> None:
    """An execution that ended without telling the ledger: its failure handler failed too, or was not allowed to."""
    stepfunctions = lake.client("stepfunctions")
    arn = execution_arn(lake, state.pipeline, run_id)
    try:
        execution: dict[str, Any] = stepfunctions.describe_execution(executionArn=arn)
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return
    run = lake.ledger.run(state.pipeline, state.batch, run_id)
    if execution["status"] in ("FAILED", "TIMED_OUT", "ABORTED") and (run is None or run.status not in ENDED):
        why = execution.get("cause") or execution.get("error") or "no cause given"
        raise CliError(f"Run {run_id} ended as {execution['status']} without a record of it: {why}", f"Execution {arn}")
