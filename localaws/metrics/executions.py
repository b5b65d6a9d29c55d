"""AWS/States: executions that start and how they end, and how long they took. And the end of one that takes too long.

*ministack*: counts nothing; ignores a state machine's own TimeoutSeconds.
*AWS, and here*: ExecutionsStarted, -Succeeded, -Failed, -Aborted, -TimedOut and ExecutionTime for each StateMachineArn;
an execution that is not over in TimeoutSeconds ends as TIMED_OUT.
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""

import contextvars
import json
import threading
import time
from typing import Any

from ministack.services import stepfunctions as sfn

from localaws.metrics.record import emit

Execution = dict[str, Any]

_COUNTED = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}
_announce, _run = sfn._emit_execution_status_event, sfn._run_execution
_started: dict[str, float] = {}


def install() -> None:
    """Put our own functions in the place of ministack's."""
    sfn._emit_execution_status_event, sfn._run_execution = announce, run


def announce(execution: Execution) -> None:
    """Send the execution's status change as an event, and count it."""
    dimensions = {"StateMachineArn": execution["stateMachineArn"]}
    status, arn = execution["status"], execution["executionArn"]
    if status == "RUNNING":
        _started[arn] = time.monotonic()
        emit("AWS/States", "ExecutionsStarted", 1, dimensions)
    elif status in _COUNTED:
        emit("AWS/States", _COUNTED[status], 1, dimensions)
        milliseconds = (time.monotonic() - _started.pop(arn, time.monotonic())) * 1000
        emit("AWS/States", "ExecutionTime", milliseconds, dimensions, "Milliseconds")
    _announce(execution)


def run(arn: str) -> None:
    """Run an execution, for as long as its state machine allows."""
    execution = sfn._executions.get(arn)
    machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
    seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    if not seconds:
        _run(arn)
        return
    context = contextvars.copy_context()
    timer = threading.Timer(float(seconds), context.run, args=(_time_out, execution))
    timer.daemon = True
    timer.start()
    try:
        _run(arn)
    finally:
        timer.cancel()


def _time_out(execution: Execution) -> None:
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=sfn.now_iso())
    sfn._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    sfn._emit_execution_status_event(execution)
