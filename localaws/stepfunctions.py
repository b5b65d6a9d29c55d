"""Step Functions tasks that run Glue jobs and Athena queries, with the state machine's role.

*ministack*: `glue:startJobRun`, `athena:startQueryExecution` and `athena:getQueryResults` are 'not yet implemented';
`sns:publish` loses its attributes; no task asks the state machine's role; a stopped execution is overwritten as FAILED
by its own task's error and goes on retrying; `MaxDelaySeconds` and `JitterStrategy` are ignored; the same name and
input started twice while running is refused.
*AWS*: such tasks call the service with the role's permissions; `.sync` waits, fails with States.TaskFailed and the run
as JSON in Cause, and cancels the job or query when the execution is stopped or the task times out; StartExecution with
the name and input of a running execution answers with that one.
*Here*: as on AWS; a retry waits 60 seconds at most. The result's timestamps are epoch milliseconds, its errors
`Glue.<Exception>`, `Athena.<Exception>`, `SNS.<Exception>`. Tasks that wait for a token: localaws/task_tokens.py.
Lambda and the other services that the emulator calls directly are checked against the role's policy beforehand.
"""

import contextvars
import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import stepfunctions as sfn

from localaws import roles, task_permissions, task_tokens
from localaws.retries import with_delay

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_POLL_SECONDS = 0.25
_ERRORS = {
    "glue": ("Glue", "AWSGlueException"),
    "athena": ("Athena", "AmazonAthenaException"),
    "sns": ("SNS", "AmazonSNSException"),
}
"""How a service's errors begin, and the name of those that its API does not model, throttling for one."""

_task: contextvars.ContextVar[Data | None] = contextvars.ContextVar("sfn_execution", default=None)
_timed_out: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("sfn_timed_out", default=None)
_place: dict[str, str] = {}

_start_execution, _execute_task = sfn._start_execution, sfn._execute_task
_fail_execution, _invoke_resource = sfn._fail_execution, sfn._invoke_resource
_invoke_with_timeout, _find_retrier = sfn._invoke_resource_with_timeout, sfn._find_matching_retrier


def install(endpoint_url: str) -> None:
    """Put our own functions in the place of ministack's."""
    _place["endpoint_url"] = endpoint_url
    sfn._start_execution, sfn._execute_task = start_execution, execute_task
    sfn._fail_execution, sfn._invoke_resource = fail_execution, invoke_resource
    sfn._invoke_resource_with_timeout, sfn._find_matching_retrier = invoke_with_timeout, find_retrier
    task_tokens.install(invoke_resource, _over)
    sfn._SERVICE_DISPATCH.update(
        {
            "arn:aws:states:::glue:startJobRun": run_glue_job,
            "arn:aws:states:::athena:startQueryExecution": run_athena_query,
            "arn:aws:states:::sns:publish": publish,
            "arn:aws:states:::athena:getQueryResults": lambda _, data: _call("athena", "get_query_results", data),
            "arn:aws:states:::athena:getQueryExecution": lambda _, data: _call("athena", "get_query_execution", data),
            "arn:aws:states:::athena:stopQueryExecution": lambda _, data: _call("athena", "stop_query_execution", data),
        }
    )


def start_execution(data: Data) -> Answer:
    """StartExecution: the name and input of a running execution answer with that execution."""
    machine = sfn._state_machines.get(sfn._resolve_state_machine_arn(data.get("stateMachineArn", "")) or "")
    if machine and data.get("name"):
        region, account = get_region(), get_account_id()
        arn = f"arn:aws:states:{region}:{account}:execution:{machine['name']}:{data['name']}"
        known = sfn._executions.get(arn)
        if known and known["status"] == "RUNNING" and known["input"] == data.get("input", "{}"):
            return json_response(  # type: ignore[no-any-return]
                {"executionArn": arn, "startDate": known["startDate"]}
            )
    return _start_execution(data)  # type: ignore[no-any-return]


def execute_task(state: Data, raw_input: Any, execution: Data, context: Data) -> Any:
    """Run a Task state, remembering its execution for what the task calls."""
    token = _task.set(execution)
    try:
        return _execute_task(state, raw_input, execution, context)
    finally:
        _task.reset(token)


def fail_execution(execution: Data, error: str, cause: str) -> None:
    """Fail an execution, unless it is over already: a stopped one stays ABORTED."""
    if execution["status"] == "RUNNING":
        _fail_execution(execution, error, cause)


def find_retrier(retriers: list[Data], error: str, counts: dict[int, int]) -> Any:
    """The matching Retry with the time to wait before it; none in an execution that is over."""
    if _over():
        return None, None
    retrier, index = _find_retrier(retriers, error, counts)
    return (with_delay(retrier, counts.get(index, 0)) if retrier else None), index


def invoke_with_timeout(resource: str, data: Any, timeout: float) -> Any:
    """Run a task with TimeoutSeconds; when they are over, the job or query it waits for is cancelled."""
    event = threading.Event()
    token = _timed_out.set(event)
    try:
        return _invoke_with_timeout(resource, data, timeout)
    except sfn._ExecutionError as error:
        if error.error == "States.Timeout":
            event.set()
        raise
    finally:
        _timed_out.reset(token)


def invoke_resource(resource: str, data: Any) -> Any:
    """Call a task's resource, if the state machine's role may."""
    execution = _task.get()
    if execution is not None:
        needed = task_permissions.needed(resource, data, get_region(), get_account_id())
        session = _role_session(execution)
        for action, target in needed:
            denied = task_permissions.denial(session, action, target, get_region())
            if denied:
                raise sfn._ExecutionError(task_permissions.error_name(action), denied)
    return _invoke_resource(resource, data)


def run_glue_job(resource: str, data: Data) -> Data:
    """`glue:startJobRun`, with `.sync` until the run has ended."""
    name = data.get("JobName", "")
    started = _call("glue", "start_job_run", data)
    if not resource.endswith(".sync"):
        return {**started, "JobName": name}
    run = {"JobName": name, "RunId": started["JobRunId"]}

    def look() -> tuple[str, Data]:
        found = _call("glue", "get_job_run", run)["JobRun"]
        return found["JobRunState"], found

    def cancel() -> None:
        _call("glue", "batch_stop_job_run", {"JobName": name, "JobRunIds": [run["RunId"]]})

    return _wait(look, cancel, failed=("FAILED", "TIMEOUT", "STOPPED", "ERROR"))


def run_athena_query(resource: str, data: Data) -> Data:
    """`athena:startQueryExecution`, with `.sync` until the query has ended."""
    query = _call("athena", "start_query_execution", data)
    if not resource.endswith(".sync"):
        return query

    def look() -> tuple[str, Data]:
        found = _call("athena", "get_query_execution", query)
        return found["QueryExecution"]["Status"]["State"], found

    def cancel() -> None:
        _call("athena", "stop_query_execution", query)

    return _wait(look, cancel, failed=("FAILED", "CANCELLED"))


def publish(_: str, data: Data) -> Data:
    """`sns:publish`. A message that is no text is sent as JSON."""
    message = data.get("Message", "")
    text = message if isinstance(message, str) else json.dumps(message)
    return _call("sns", "publish", {**data, "Message": text})


def _wait(look: Callable[[], tuple[str, Data]], cancel: Callable[[], None], failed: tuple[str, ...]) -> Data:
    """Poll until the job has ended; cancel it when the execution is over or the task has timed out."""
    timed_out = _timed_out.get() or threading.Event()
    while True:
        state, found = look()
        if state == "SUCCEEDED":
            return found
        if state in failed:
            raise sfn._ExecutionError("States.TaskFailed", json.dumps(found))
        if _over() or timed_out.wait(_POLL_SECONDS):
            cancel()
            raise sfn._ExecutionError("States.TaskFailed", "The task was cancelled")


def _over() -> bool:
    execution = _task.get()
    return execution is not None and execution["status"] != "RUNNING"


def _call(service: str, operation: str, data: Data) -> Data:
    """Call a service's API as the state machine's role; the answer as Step Functions shows it."""
    execution = _task.get()
    if execution is None:
        raise RuntimeError(f"{service}.{operation} was called outside of an execution")
    client = _client(service, _role_session(execution))
    try:
        answer: Data = getattr(client, operation)(**data)
    except ClientError as error:
        raise _translated(client, service, error) from error
    answer.pop("ResponseMetadata", None)
    plain: Data = json.loads(json.dumps(answer, default=_epoch_milliseconds))
    return plain


def _translated(client: Any, service: str, error: ClientError) -> Exception:
    """The error as Step Functions names it: as the service's Java client does."""
    code, (begin, general) = error.response["Error"]["Code"], _ERRORS[service]
    shapes = client.meta.service_model.error_shapes
    names = {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    request = error.response["ResponseMetadata"].get("RequestId", "")
    cause = (
        f"{error.response['Error']['Message']} (Service: AWS{begin}; Status Code: {status}; Error Code: {code}; "
        f"Request ID: {request}; Proxy: null)"
    )
    return sfn._ExecutionError(f"{begin}.{names.get(code, general)}", cause)  # type: ignore[no-any-return]


def _role_session(execution: Data) -> roles.RoleSession:
    """The session of the state machine's role for one execution, assumed once."""
    machine = sfn._state_machines.get(execution["stateMachineArn"]) or {}
    known = _sessions.get(execution["executionArn"])
    if known is None:
        try:
            known = roles.assume(
                machine.get("roleArn", ""), "states.amazonaws.com", execution["name"], execution["stateMachineArn"]
            )
        except roles.RoleError as error:
            raise sfn._ExecutionError("States.Runtime", str(error)) from error
        _sessions[execution["executionArn"]] = known
    return known


_sessions: dict[str, roles.RoleSession] = {}


def _client(service: str, session: roles.RoleSession) -> Any:
    keys: Any = boto3.Session(
        session.access_key_id, session.secret_access_key, session.session_token, region_name=get_region()
    )
    config = Config(retries={"max_attempts": 1}, parameter_validation=True)
    return keys.client(service, endpoint_url=_place["endpoint_url"], config=config)


def _epoch_milliseconds(value: object) -> int:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    raise TypeError(f"{type(value).__name__} cannot be part of a task's result")
