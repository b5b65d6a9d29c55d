"""Starts the run of a complete batch, by name, so that any number of gates starting it at once start it once."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from lakehouse import runs
from lakehouse.batches.decide import Run, missing, run_needed
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState
from lakehouse.ledger.store import Ledger
from lakehouse.log import log

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


def start_if_complete(
    pipeline: Pipeline, state: BatchState, ledger: Ledger, stepfunctions: "SFNClient", state_machine_arn: str
) -> Run | None:
    """Start the run that a batch needs. Harmless to repeat: the execution's name is the run's.

    Args:
        state: as the ledger answered after the change that may have completed the batch.

    Returns:
        The run, whether it is started now or was before; None while the batch is incomplete.
    """
    run = run_needed(pipeline, state)
    if run is None:
        log("batch_waits", pipeline=state.pipeline, batch=state.batch, missing=missing(pipeline, state))
        return None
    if state.run_id == run.run_id:
        return run
    # The start comes before its record: a crash in between is repeated, and the name makes the repeat harmless. The
    # other way round a batch could look started for ever.
    start_execution(run, stepfunctions, state_machine_arn)
    runs.started(ledger, run.pipeline, run.batch, run.run_id, run.generation, run.manifest_hash)
    ledger.batch_started(run.pipeline, run.batch, run.generation, run.run_id)
    return run


def start_execution(run: Run, stepfunctions: "SFNClient", state_machine_arn: str) -> None:
    """Start a run's execution by its name. One of that name is success."""
    fields = {"pipeline": run.pipeline, "batch": run.batch, "run_id": run.run_id}
    try:
        stepfunctions.start_execution(
            stateMachineArn=state_machine_arn, name=run.run_id, input=json.dumps(asdict(run), sort_keys=True)
        )
    except stepfunctions.exceptions.ExecutionAlreadyExists:
        log("run_started_before", **fields)
    else:
        log("run_started", **fields, generation=run.generation)
