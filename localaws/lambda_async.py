"""Asynchronous invocations: two further attempts, then the function's dead-letter queue or failure destination.

*ministack*: a function that EventBridge or SNS invokes runs once and its error is forgotten; dead-letter queues get an
envelope where AWS puts the event itself; nobody asks the function's role; throttled events are lost; of an invocation's
metrics only those of a synchronous Invoke are counted.
*AWS*: an event that fails is tried again after one and after two minutes, a throttled one for up to six hours; then the
event goes to the DeadLetterConfig with RequestID, ErrorCode and ErrorMessage as attributes, and a record of it to the
OnFailure destination, both with the permissions of the function's role. Every invocation counts, however it began.
*Here*: as on AWS, but the attempts are 1 and 2 seconds apart.
"""

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_region, new_uuid
from ministack.services import lambda_svc, sns

from localaws import metrics, queue_messages, roles, task_permissions

logger = logging.getLogger("localaws.lambda")

RETRY_SECONDS = (1.0, 2.0)
_THROTTLED_SECONDS = 1.0
_MAXIMUM_AGE_SECONDS = 6 * 3600

Function = dict[str, Any]
Result = dict[str, Any]

_stopping = threading.Event()
_dispatch, _route = lambda_svc._execute_function_dispatch, lambda_svc._route_async_failure


def install() -> None:
    """Put our own functions in the place of ministack's."""
    lambda_svc.invoke_async_with_retry = start
    lambda_svc._execute_function_dispatch = execute
    lambda_svc._emit_lambda_metrics = count_throttle
    sns._deliver_to_lambda = from_sns


def shut_down() -> None:
    """Try nothing again."""
    _stopping.set()


def execute(function: Function, config: dict[str, Any], event: Any, request_id: str, started: float) -> Result:
    """Run one invocation and count it."""
    result: Result = _dispatch(function, config, event, request_id, started)
    dimensions = {"FunctionName": config.get("FunctionName", "")}
    metrics.emit("AWS/Lambda", "Invocations", 1, dimensions)
    metrics.emit("AWS/Lambda", "Errors", 1 if result.get("error") else 0, dimensions)
    metrics.emit("AWS/Lambda", "Duration", (time.time() - started) * 1000, dimensions, "Milliseconds")
    return result


def count_throttle(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """Count a throttled invocation. Everything else that ministack reports here is counted by `execute`."""
    if throttle and duration_ms == 0:
        metrics.emit("AWS/Lambda", "Throttles", 1, {"FunctionName": name})


def event_of(payload: str) -> Any:
    """The event of an EventBridge payload: JSON, or the text itself where an InputTransformer made plain text."""
    try:
        return json.loads(payload)
    except json.JSONDecodeError:
        return payload


def start(function: Function, event: Any) -> Callable[[], None]:
    """Invoke asynchronously; returns a function that waits until the first attempt has ended."""
    first_ended = threading.Event()
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_attempts, function, event, first_ended), name="lambda-async", daemon=True
    ).start()
    return lambda: _wait(first_ended)


def from_sns(endpoint: str, envelope: str, topic_arn: str, sub_arn: str, *_: Any) -> None:
    """Invoke a subscribed function."""
    function, config, name = lambda_svc._get_func_record_for_ref(endpoint)
    if not function or not config:
        logger.warning("SNS: function %s of %s does not exist", name, sub_arn)
        return
    record = {"EventVersion": "1.0", "EventSubscriptionArn": sub_arn, "EventSource": "aws:sns"}
    event = {"Records": [{**record, "Sns": json.loads(envelope)}]}
    start(lambda_svc._execution_record_for_config(function, config), event)


def _wait(ended: threading.Event) -> None:
    while not ended.wait(0.5) and not _stopping.is_set():
        pass


def _attempts(function: Function, event: Any, first_ended: threading.Event) -> None:
    config = function.get("config") or function
    settings = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    maximum = settings.get("MaximumRetryAttempts")
    delays = RETRY_SECONDS[: len(RETRY_SECONDS) if maximum is None else int(maximum)]
    metrics.emit("AWS/Lambda", "AsyncEventsReceived", 1, {"FunctionName": config["FunctionName"]})
    try:
        result = _attempt(function, event, settings)
    finally:
        first_ended.set()
    for delay in delays:
        if not result.get("error") or _stopping.wait(delay):
            break
        result = _attempt(function, event, settings)
    if result.get("error") and not _stopping.is_set():
        _give_up(config, settings, event, result, 1 + len(delays))


def _attempt(function: Function, event: Any, settings: dict[str, Any]) -> Result:
    """One attempt; a throttled one waits for its turn."""
    deadline = time.monotonic() + int(settings.get("MaximumEventAgeInSeconds") or _MAXIMUM_AGE_SECONDS)
    while True:
        result: Result = lambda_svc._execute_function_with_config_scope(function, event)
        if not result.get("throttle") or time.monotonic() > deadline or _stopping.wait(_THROTTLED_SECONDS):
            return {**result, "error": True} if result.get("throttle") else result


def _give_up(config: dict[str, Any], settings: dict[str, Any], event: Any, result: Result, attempts: int) -> None:
    """Every attempt failed: the event goes where the function says, or is dropped; both are counted."""
    name = config["FunctionName"]
    dimensions = {"FunctionName": name}
    destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    queue = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    metrics.emit("AWS/Lambda", "AsyncEventsDropped", 1, dimensions)
    if queue and not _to_dead_letters(config, queue, event, result):
        metrics.emit("AWS/Lambda", "DeadLetterErrors", 1, dimensions)
    if destination and not _to_destination(config, destination, event, result):
        metrics.emit("AWS/Lambda", "DestinationDeliveryFailures", 1, dimensions)
    logger.warning("%s failed %d times; its event is %s", name, attempts, "kept" if queue or destination else "lost")


def _to_dead_letters(config: dict[str, Any], target: str, event: Any, result: Result) -> bool:
    if not _may_send(config, target):
        return False
    body = result.get("body")
    error: dict[str, Any] = body if isinstance(body, dict) else {}
    attributes = {
        "RequestID": str(error.get("requestId") or new_uuid()),
        "ErrorCode": "200",
        "ErrorMessage": str(error.get("errorMessage") or "Unhandled"),
    }
    if ":sqs:" in target:
        return queue_messages.send(target, event, attributes)
    by_name = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
    return sns.publish_internal(target, json.dumps(event), message_attributes=by_name) is not None


def _to_destination(config: dict[str, Any], target: str, event: Any, result: Result) -> bool:
    if not _may_send(config, target):
        return False
    _route(target, config["FunctionName"], event, result)
    return True


def _may_send(config: dict[str, Any], target: str) -> bool:
    """Whether the function's role may hand events to a queue, topic or function."""
    action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}[target.split(":")[2]]
    try:
        session = roles.assume(
            config.get("Role", ""), "lambda.amazonaws.com", config["FunctionName"], config["FunctionArn"]
        )
    except roles.RoleError as error:
        logger.error("%s: %s", config["FunctionName"], error)
        return False
    denied = task_permissions.denial(session, action, target, get_region())
    if denied:
        logger.error("%s: %s", config["FunctionName"], denied)
    return denied is None
