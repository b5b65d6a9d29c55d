"""What makes each kind of alarm ring, for tests/aws/test_alarms_ring.py."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse.contract.load import pipelines
from lakehouse.generate import load_generator
from lakehouse.ledger.store import Ledger
from lakehouse.names import BRONZE
from tests.lake import Lake

FOLLOWED, PARTS, DAILY = "carts", "activity", "transactions"
"""A pipeline with gold that follows gold, one with several datasets in a batch, and one of a file a day."""
SLOW = "crawl"
"""The function whose timeout is `SLOW_SECONDS` in this test's environment."""
SLOW_SECONDS = 2
AT = datetime(2026, 3, 1, 5, tzinfo=UTC)
_WAITS = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
_FAILS = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "No"}}}
_SLOW_CODE = f"import time\ndef handler(event, context): time.sleep({SLOW_SECONDS * 0.95})\n"


@dataclass(frozen=True)
class Cause:
    """What happens, and which alarms must ring for it."""

    alarms: tuple[str, ...]
    happen: Callable[[Lake, Path], None]


def put(lake: Lake, pipeline: str, folder: Path, datasets: int = 99, **wishes: Any) -> None:
    """Files of a generator in bronze."""
    made = load_generator(pipelines()[pipeline])(folder, at=AT, seed=1, **{"rows": 5, **wishes})
    for path in list(made.values())[:datasets]:
        key = f"{BRONZE}/{pipeline}/{path.relative_to(folder).as_posix()}"
        lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=path.read_bytes())


def execution(lake: Lake, definition: Mapping[str, Any], stop: bool = False) -> None:
    """An execution of a workflow with another definition."""
    states, arn = lake.client("stepfunctions"), lake.settings.state_machine_arn_prefix + PARTS
    known = states.describe_state_machine(stateMachineArn=arn)["definition"]
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    started = states.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    if stop:
        states.stop_execution(executionArn=started)
    wait_until(lambda: states.describe_execution(executionArn=started)["status"] != "RUNNING")
    states.update_state_machine(stateMachineArn=arn, definition=known)


def throttle(lake: Lake, _: Path) -> None:
    """A function may not run at all."""
    functions, name = lake.client("lambda"), lake.named("publish")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        functions.invoke(FunctionName=name, Payload=b"{}")
    except functions.exceptions.TooManyRequestsException:
        functions.delete_function_concurrency(FunctionName=name)
        return
    raise AssertionError("expected to be throttled")


def take_long(lake: Lake, _: Path) -> None:
    """A function takes nearly all of its time."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr(f"{SLOW}.py", _SLOW_CODE)
    functions, name = lake.client("lambda"), lake.named(SLOW)
    functions.update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    functions.invoke(FunctionName=name, Payload=b"{}")


def leave_undone(lake: Lake, folder: Path) -> None:
    """A batch lacks datasets, a run does not end; two days later a sweep looks."""
    states, arn = lake.client("stepfunctions"), lake.settings.state_machine_arn_prefix + FOLLOWED
    known = states.describe_state_machine(stateMachineArn=arn)["definition"]
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(_WAITS))
    put(lake, PARTS, folder, datasets=1)
    put(lake, FOLLOWED, folder)
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    wait_until(lambda: tuple(ledger.slots(PARTS, "")) and states.list_executions(stateMachineArn=arn)["executions"])
    event = {"time": (datetime.now(UTC) + timedelta(days=2)).isoformat()}
    answer = lake.client("lambda").invoke(FunctionName=lake.named("sweep"), Payload=json.dumps(event).encode())
    states.update_state_machine(stateMachineArn=arn, definition=known)
    assert "FunctionError" not in answer, answer["Payload"].read()


def lose_rows(lake: Lake, _: Path) -> None:
    """The failure state of a workflow whose commit found rows missing, as Step Functions hands it over."""
    cause = json.dumps({"errorType": "BalanceError", "errorMessage": "Rows do not balance"})
    event = {"pipeline": DAILY, "batch": "b", "run_id": "r", "error": {"Error": "BalanceError", "Cause": cause}}
    lake.client("lambda").invoke(FunctionName=lake.named("failed"), Payload=json.dumps(event).encode())


def put_bad_rows(lake: Lake, folder: Path) -> None:
    """A file of which a quarter of the rows breaks the contract."""
    put(lake, DAILY, folder, rows=400, dirty=0.25)


def let_wait(lake: Lake, _: Path) -> None:
    """Nobody takes a message out of the gate's queue for more than an hour."""
    functions = lake.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=lake.named("gate"))["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    lake.client("s3").put_object(Bucket=lake.bucket, Key=f"{BRONZE}/x/late.csv", Body=b"1")
    sqs = lake.client("sqs")
    url = sqs.get_queue_url(QueueName=lake.named("gate"))["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    wait_until(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name] != "0")
    lake.aws.clock.advance(3601, fire=False)


def refuse_delivery(lake: Lake, _: Path) -> None:
    """EventBridge may not invoke the function that a rule is for."""
    functions, name = lake.client("lambda"), lake.named("derive")
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    for statement in policy["Statement"]:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    (table,) = {table.after for table in pipelines()[FOLLOWED].gold if table.after}
    entry = {
        "Source": lake.settings.event_source,
        "DetailType": "Gold Published",
        "Detail": json.dumps({"pipeline": FOLLOWED, "table": table}),
    }
    lake.client("events").put_events(Entries=[entry])


def run_job(lake: Lake, body: str, state: str) -> None:
    """A run of a job with another script."""
    glue, name = lake.client("glue"), lake.named(f"{PARTS}-gold")
    job = glue.get_job(JobName=name)["Job"]
    place = job["Command"]["ScriptLocation"].rsplit("/", 1)[0] + f"/{state}.py"
    bucket, _, key = place.removeprefix("s3://").partition("/")
    lake.client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())
    kept = {part: job[part] for part in ("Role", "DefaultArguments", "GlueVersion", "WorkerType", "NumberOfWorkers")}
    glue.update_job(JobName=name, JobUpdate={**kept, "Command": {**job["Command"], "ScriptLocation": place}})
    run = glue.start_job_run(JobName=name)["JobRunId"]
    wait_until(lambda: glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"] == state)


def wait_until(look: Callable[[], Any], seconds: float = 60) -> None:
    """Until `look` finds something."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"nothing came in {seconds:g} s"
        time.sleep(0.1)


CAUSES = {
    "{}-throttles": Cause(("publish-throttles",), throttle),
    "{}-near-timeout": Cause((f"{SLOW}-near-timeout",), take_long),
    "{}-failed": Cause((f"{PARTS}-failed",), lambda lake, _: execution(lake, _FAILS)),
    "{}-timed-out": Cause((f"{PARTS}-timed-out",), lambda lake, _: execution(lake, {**_WAITS, "TimeoutSeconds": 1})),
    "{}-aborted": Cause((f"{PARTS}-aborted",), lambda lake, _: execution(lake, _WAITS, stop=True)),
    "{}-gold-job": Cause((f"{PARTS}-gold-job",), lambda lake, _: run_job(lake, "raise RuntimeError", "FAILED")),
    "{}-overdue": Cause((f"{PARTS}-overdue", f"{FOLLOWED}-stuck"), leave_undone),
    "{}-unbalanced": Cause((f"{DAILY}-unbalanced",), lose_rows),
    "{}-quarantine": Cause((f"{DAILY}-quarantine",), put_bad_rows),
    "{}-undelivered": Cause((f"{FOLLOWED}-derive-undelivered", "events-dlq"), refuse_delivery),
    "{}-queue-age": Cause(("gate-queue-age",), let_wait),
}
"""By the kind of alarm."""

TOGETHER = {"{}-stuck": "{}-overdue", "{}": "{}-undelivered"}
"""Kinds that ring with another's cause."""

ELSEWHERE = {"{}-errors": "tests/e2e/test_nothing_fails_silently.py"}
"""Kinds that another test makes ring, for each thing they are of."""
