"""Events that AWS services themselves put on the default bus and ministack never sends."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge

if TYPE_CHECKING:
    from localaws.crawlers.changes import Counts

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


def crawler_started(crawler: str, at: float) -> None:
    """`Glue Crawler State Change` of a crawl's start, as AWS documents it."""
    detail = {"accountId": get_account_id(), "crawlerName": crawler, "startTime": _seconds(at)}
    emit("aws.glue", "Glue Crawler State Change", {**detail, "state": "Started", "message": "Crawler Started"})


def crawler_ended(crawler: str, began: float, status: str, error: str, counts: "Counts", warnings: str) -> None:
    """`Glue Crawler State Change` of a crawl's end. AWS documents none for a crawl that was stopped: none is sent.

    All of AWS's values are texts.
    """
    region = get_region()
    detail = {
        "accountId": get_account_id(),
        "crawlerName": crawler,
        "cloudWatchLogLink": f"https://console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group=/aws-glue/crawlers;stream={crawler}",
    }
    if status == "FAILED":
        detail |= {"state": "Failed", "message": "Crawler Failed", "errorMessage": error}
    elif status == "SUCCEEDED":
        now = time.time()
        detail |= {
            "state": "Succeeded",
            "message": "Crawler Succeeded",
            "completionDate": _seconds(now),
            "runningTime (sec)": str(round(now - began)),
            "tablesCreated": str(counts.tables_created),
            "tablesUpdated": str(counts.tables_updated),
            "tablesDeleted": str(counts.tables_deleted),
            "partitionsCreated": str(counts.partitions_created),
            "partitionsUpdated": str(counts.partitions_updated),
            "partitionsDeleted": str(counts.partitions_deleted),
            "warningMessage": warnings or "N/A",
        }
    else:
        return
    emit("aws.glue", "Glue Crawler State Change", detail)


def _seconds(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def emit(source: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str] = ()) -> None:
    """Put an AWS service's event on the default bus of the current account and region. `resources` are ARNs."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    status, _, body = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    answer = json.loads(body)
    if status >= 400 or answer.get("FailedEntryCount"):
        raise RuntimeError(f"EventBridge refused the event {detail_type} of {source}: {answer}")
