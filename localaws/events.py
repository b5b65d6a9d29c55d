"""Events that AWS services themselves put on the default bus and ministack never sends."""

import json
from typing import Any

from ministack.services import eventbridge

_JOB_END = {
    "SUCCEEDED": ("INFO", "Job run succeeded"),
    "STOPPED": ("INFO", "Job run stopped"),
    "TIMEOUT": ("WARN", "Job run timed out"),
    "FAILED": ("ERROR", "Job run failed"),
}


def job_state_change(job: str, run_id: str, state: str, message: str) -> None:
    """`Glue Job State Change` of a run that has ended, with AWS's fields and severities."""
    severity, default = _JOB_END[state]
    if state == "FAILED":
        default = f"JobName:{job} and JobRunId:{run_id} failed to execute with exception {message}"
    detail = {"jobName": job, "severity": severity, "state": state, "jobRunId": run_id, "message": default}
    emit("aws.glue", "Glue Job State Change", detail)


def emit(source: str, detail_type: str, detail: dict[str, Any]) -> None:
    """Put an AWS service's event on the default bus of the current account and region."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": []}
    status, _, body = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    answer = json.loads(body)
    if status >= 400 or answer.get("FailedEntryCount"):
        raise RuntimeError(f"EventBridge refused the event {detail_type} of {source}: {answer}")
