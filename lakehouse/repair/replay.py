"""One more run of what a batch holds. See docs/decisions/0017-repair-asks-the-normal-way-again.md."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lakehouse.batches.decide import Run, missing, run_needed
from lakehouse.batches.start import start_if_complete
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState
from lakehouse.ledger.store import Ledger

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

Standing = Literal["absent", "incomplete", "unstarted", "running", "ended"]
KEEP = "keep"
"""Engine: as was chosen for the batch before, else the contract's."""


@dataclass(frozen=True)
class Workflows:
    """The pipelines' state machines."""

    client: "SFNClient"
    arn_prefix: str
    """`arn:…:stateMachine:<prefix>-`."""

    def machine(self, pipeline: str) -> str:
        """ARN of a pipeline's state machine."""
        return f"{self.arn_prefix}{pipeline}"

    def execution(self, pipeline: str, run_id: str) -> str:
        """ARN of a run's execution."""
        return self.machine(pipeline).replace(":stateMachine:", ":execution:") + f":{run_id}"

    def status(self, pipeline: str, run_id: str) -> str | None:
        """How a run's execution stands (`RUNNING`, `SUCCEEDED`, `FAILED`, …); None where there was never one."""
        try:
            return self.client.describe_execution(executionArn=self.execution(pipeline, run_id))["status"]
        except self.client.exceptions.ExecutionDoesNotExist:
            return None


@dataclass(frozen=True)
class Replayable:
    """How a batch stands before it is asked for one more run."""

    state: BatchState
    standing: Standing
    missing: tuple[str, ...] = ()
    """Datasets that an incomplete batch waits for."""
    run: Run | None = None
    """The run of what the batch holds now: the one that runs or ended, or would be started first."""

    @property
    def able(self) -> bool:
        """Whether a run can be asked for."""
        return self.standing in ("unstarted", "ended")


def look(pipeline: Pipeline, batch: str, ledger: Ledger, workflows: Workflows) -> Replayable:
    """How a batch stands. A run counts as running while its execution does, whatever the ledger says."""
    state = ledger.batch(pipeline.name, batch)
    if not state.generation and not state.markers:
        return Replayable(state, "absent")
    absent = missing(pipeline, state)
    run = run_needed(pipeline, state)
    if absent or run is None:
        return Replayable(state, "incomplete", absent)
    status = workflows.status(pipeline.name, run.run_id)
    if status == "RUNNING":
        return Replayable(state, "running", (), run)
    # Step Functions forgets executions after 90 days; the batch remembers its run for ever.
    started = status is not None or state.run_id == run.run_id
    return Replayable(state, "ended" if started else "unstarted", (), run)


def replay(
    pipeline: Pipeline, found: Replayable, ledger: Ledger, workflows: Workflows, engine: str | None = KEEP
) -> Run | None:
    """Start one more run of what the batch holds; None, and nothing is changed, where `found` is not able.

    Where the batch's present run was never started, or a repeat finds that it died between the two calls, that one is
    started: a run that was asked for and not begun is not asked for twice.

    Args:
        engine: `spark`, `duckdb` or `auto`; None for the contract's; `KEEP` for what the batch has.
    """
    if not found.able:
        return None
    state, wanted = found.state, found.state.engine if engine == KEEP else engine
    if found.standing == "ended" or wanted != state.engine:
        state = ledger.renew(pipeline.name, state.batch, wanted)
    return start_if_complete(pipeline, state, ledger, workflows.client, workflows.machine(pipeline.name))
