"""The runs of a pipeline that should have ended: how their executions stand, and what follows from that."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse import notify, runs
from lakehouse.batches.decide import run_needed
from lakehouse.batches.start import start_execution
from lakehouse.contract.model import Pipeline
from lakehouse.gate.settle import Settler
from lakehouse.ledger import notices
from lakehouse.ledger.items import RunRecord
from lakehouse.log import log
from lakehouse.notify import Notification
from lakehouse.sweep import decide
from lakehouse.sweep.decide import Action, Execution
from lakehouse.sweep.messages import about_stuck, about_unrecorded


@dataclass(frozen=True)
class SeenTo:
    """A doubtful run."""

    run: RunRecord
    needed: Action
    done: Action
    """`leave` also where somebody else does what is needed, or did it."""

    @property
    def stuck(self) -> bool:
        """It has no end within its time, or ended without a word: a person has to look at it."""
        return self.needed in ("tell_stuck", "tell_unrecorded")


@dataclass(frozen=True)
class RunSweeper:
    """Sees to runs without an end. `sweep_id` and `at` as in `Sweeper`."""

    settler: Settler
    sweep_id: str
    at: datetime

    def sweep(self, pipeline: Pipeline, since: str) -> Iterator[SeenTo]:
        """See to every doubtful run that was recorded first after `since`."""
        ledger = self.settler.ledger
        for seen in ledger.runs(pipeline.name, since):
            if not decide.is_doubtful(seen, pipeline.deadlines, self.at):
                continue
            execution = self._execution(seen)
            run = ledger.run(seen.pipeline, seen.batch, seen.run_id)
            if run is not None:
                yield self._see_to(pipeline, run, execution)

    def _see_to(self, pipeline: Pipeline, run: RunRecord, execution: Execution | None) -> SeenTo:
        needed = run_needed(pipeline, self.settler.ledger.batch(run.pipeline, run.batch))
        action = decide.what_to_do(run, execution, needed, pipeline.deadlines, self.at)
        done = True
        if action == "start_again" and needed is not None:
            start_execution(needed, self.settler.stepfunctions, self._machine(run))
        elif action == "supersede":
            runs.superseded(self.settler.ledger, run.pipeline, run.batch, run.run_id)
        elif action == "record_failure" and execution is not None:
            done = self._record_failure(run, execution)
        elif action == "tell_stuck" and execution is not None:
            done = self._tell(run, about_stuck(run, execution, pipeline.deadlines.run_minutes))
        elif action == "tell_unrecorded" and execution is not None:
            done = self._tell(run, about_unrecorded(run, execution))
        if not done or action == "leave":
            return SeenTo(run, action, "leave")
        log("run_swept", pipeline=run.pipeline, batch=run.batch, run_id=run.run_id, status=run.status, action=action)
        return SeenTo(run, action, action)

    def _tell(self, run: RunRecord, message: Notification) -> bool:
        table = self.settler.ledger.table
        if not notices.take_on(table, run, message.id, self.sweep_id, self.at):
            return False
        notify.send(self.settler.sns, self.settler.settings.topic_arn, message)
        notices.sent(table, run, message.id, self.at)
        return True

    def _record_failure(self, run: RunRecord, execution: Execution) -> bool:
        """Taken on before it is recorded, so that a crash before people are told leaves an open notice."""
        table = self.settler.ledger.table
        error = {"Error": execution.error or f"Execution {execution.status}", "Cause": execution.cause}
        failure = runs.failure_of({"pipeline": run.pipeline, "batch": run.batch, "run_id": run.run_id, "error": error})
        message_id = runs.about_failure(failure).id
        if not notices.take_on(table, run, message_id, self.sweep_id, self.at):
            return False
        runs.record_failure(failure, self.settler.ledger, self.settler.sns, self.settler.settings.topic_arn)
        notices.sent(table, run, message_id, self.at)
        return True

    def _execution(self, run: RunRecord) -> Execution | None:
        states = self.settler.stepfunctions
        machine = self._machine(run).replace(":stateMachine:", ":execution:")
        try:
            found = states.describe_execution(executionArn=f"{machine}:{run.run_id}")
        except states.exceptions.ExecutionDoesNotExist:
            return None
        began = found.get("redriveDate", found["startDate"]).astimezone(UTC)
        return Execution(found["status"], began, found.get("error", ""), found.get("cause", ""))

    def _machine(self, run: RunRecord) -> str:
        return f"{self.settler.settings.state_machine_arn_prefix}{run.pipeline}"
