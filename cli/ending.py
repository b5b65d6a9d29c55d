"""What comes after a run's gold is published: the rest of its workflow, and the gold tables that follow."""

import time

from cli.errors import CliError
from cli.lake import Lake
from cli.screen import Screen
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import RunRecord

POLL_SECONDS = 0.1
SLOWEST_POLL_SECONDS = 1.0
EXECUTION_SECONDS = 3600.0
FOLLOWER_SECONDS = 900.0


def await_execution(lake: Lake, run: RunRecord, screen: Screen) -> None:
    """Wait until the execution of a published run has done what its workflow does after that.

    Raises:
        CliError: it did not succeed.
    """
    stepfunctions, arn = lake.client("stepfunctions"), execution_arn(lake, run.pipeline, run.run_id)
    started = time.monotonic()
    with screen.waiting("The workflow ends"):
        while (execution := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
            waited = time.monotonic() - started
            if waited > EXECUTION_SECONDS:
                raise CliError(f"Execution {arn} has not ended within {EXECUTION_SECONDS:.0f} s", "lake runs")
            time.sleep(pause(waited))
    if execution["status"] != "SUCCEEDED":
        why = execution.get("cause") or execution.get("error") or "no cause given"
        raise CliError(f"Run {run.run_id} ended as {execution['status']}: {why}", f"Execution {arn}")


def await_followers(lake: Lake, pipeline: Pipeline, screen: Screen) -> None:
    """Wait until the gold tables that are made after another stand for as much as that one.

    Raises:
        CliError: one does not within `FOLLOWER_SECONDS`.
    """
    for table in (one for one in pipeline.gold if one.after):
        started = time.monotonic()
        with screen.waiting(f"{table.name} follows {table.after}"):
            while _behind(lake, pipeline.name, table.name, str(table.after)):
                waited = time.monotonic() - started
                if waited > FOLLOWER_SECONDS:
                    raise CliError(f"{table.name} has not followed {table.after} within {waited:.0f} s", "lake status")
                time.sleep(pause(waited))


def _behind(lake: Lake, pipeline: str, table: str, before: str) -> bool:
    first, second = lake.ledger.pointer(pipeline, before), lake.ledger.pointer(pipeline, table)
    if first is None or second is None:
        return first is not None
    return any(second.versions.get(name, -1) < version for name, version in first.versions.items())


def execution_arn(lake: Lake, pipeline: str, run_id: str) -> str:
    """The execution of a run."""
    return lake.settings.state_machine_arn_prefix.replace(":stateMachine:", ":execution:") + f"{pipeline}:{run_id}"


def pause(waited_seconds: float) -> float:
    """Look often at first, then less: on one machine each look takes time from what is looked at."""
    return min(SLOWEST_POLL_SECONDS, POLL_SECONDS + waited_seconds / 20)
