"""What EventBridge delivers, to whom it may deliver it, and what becomes of an event that it could not deliver.

*ministack*: asks no resource policy; runs a function once and forgets its error; drops what cannot be delivered, also
for a target with a dead-letter queue; no metrics.
*AWS*: the target's resource policy (for a state machine: the role of the target) must allow the rule; a function is
invoked asynchronously, with its retries and its own dead-letter queue; an event that could not be delivered goes to the
target's DeadLetterConfig; AWS/Events counts Invocations, FailedInvocations, TriggeredRules and InvocationsSentToDlq.
*Here*: as on AWS, but what cannot be delivered is not tried for 24 hours first.
"""

import contextvars
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sns, sqs
from ministack.services import stepfunctions as sfn

from localaws import lambda_async, metrics, queue_messages, resource_policies, roles, task_permissions

logger = logging.getLogger("localaws.events")

_SERVICE = "events.amazonaws.com"
_waits: contextvars.ContextVar[list[Callable[[], None]] | None] = contextvars.ContextVar("event_waits", default=None)
_delivery: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("event_delivery")

_invoke_target, _to_sqs = eventbridge._invoke_target, eventbridge._dispatch_to_sqs


class Undelivered(Exception):  # noqa: N818 (it is the outcome of a delivery, not an error of this code)
    """Why an event did not reach its target: EventBridge's error code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def install() -> None:
    """Put our own functions in the place of ministack's."""
    eventbridge._invoke_target = invoke_target
    eventbridge._dispatch_to_lambda, eventbridge._dispatch_to_sqs = to_lambda, to_sqs
    eventbridge._dispatch_to_sns, eventbridge._dispatch_to_stepfunctions = to_sns, to_stepfunctions


@contextmanager
def collected() -> Iterator[list[Callable[[], None]]]:
    """Collects, for what is delivered inside, functions that wait until it has reached its targets."""
    waits: list[Callable[[], None]] = []
    token = _waits.set(waits)
    try:
        yield waits
    finally:
        _waits.reset(token)


def invoke_target(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    """Deliver an event to one target; to its dead-letter queue when that fails."""
    delivery: dict[str, Any] = {"target": target, "rule": rule, "failure": None}
    token = _delivery.set(delivery)
    try:
        _invoke_target(target, event, rule, view)
    finally:
        _delivery.reset(token)
    dimensions = {"RuleName": rule.get("Name", "")}
    targets = eventbridge._targets.get(eventbridge._rule_key(rule.get("Name"), rule.get("EventBusName", "default")), [])
    if targets and target is targets[0]:
        metrics.emit("AWS/Events", "TriggeredRules", 1, dimensions)
    metrics.emit("AWS/Events", "Invocations", 1, dimensions)
    failure: Undelivered | None = delivery["failure"]
    if failure is not None:
        logger.warning("rule %s: %s", rule.get("Name"), failure)
        metrics.emit("AWS/Events", "FailedInvocations", 1, dimensions)
        _to_dead_letters(target, event, rule, failure, view)


def to_lambda(arn: str, payload: str) -> None:
    """Invoke a function asynchronously."""
    _check("lambda:InvokeFunction", arn)
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise _undelivered("RESOURCE_NOT_FOUND", f"Function {name} does not exist")
    record = lambda_svc._execution_record_for_config(function, config)
    _add_wait(lambda_async.start(record, lambda_async.event_of(payload)))


def to_sqs(spec: Any, payload: str, sqs_parameters: Any = None) -> None:
    """Send to a queue."""
    if sqs._queue_by_arn(str(spec)) is None:
        raise _undelivered("RESOURCE_NOT_FOUND", f"Queue {spec} does not exist")
    _check("sqs:SendMessage", str(spec))
    _to_sqs(spec, payload, sqs_parameters)


def to_sns(arn: str, payload: str) -> None:
    """Publish to a topic; mails get SNS's own subject, as on AWS."""
    _check("sns:Publish", arn)
    try:
        published = sns.publish_internal(arn, payload)
    except sns.SnsPublishError as error:
        raise _undelivered("SDK_CLIENT_ERROR", str(error)) from error
    if published is None:
        raise _undelivered("RESOURCE_NOT_FOUND", f"Topic {arn} does not exist")


def to_stepfunctions(arn: str, payload: str) -> None:
    """Start an execution with the role of the target."""
    target = _delivery.get()["target"]
    try:
        session = roles.assume(target.get("RoleArn") or "", _SERVICE, "events", _delivery.get()["rule"].get("Arn", ""))
    except roles.RoleError as error:
        raise _undelivered("NO_PERMISSIONS", str(error)) from error
    denied = task_permissions.denial(session, "states:StartExecution", arn, get_region())
    if denied:
        raise _undelivered("NO_PERMISSIONS", denied)
    status, _, body = sfn._start_execution({"stateMachineArn": arn, "input": payload})
    if status >= 400:
        raise _undelivered("SDK_CLIENT_ERROR", body.decode(errors="replace"))


def _check(action: str, arn: str) -> None:
    rule_arn = _delivery.get()["rule"].get("Arn", "")
    if not resource_policies.allows(_SERVICE, action, arn, rule_arn):
        raise _undelivered("NO_PERMISSIONS", f"The policy of {arn} does not let {rule_arn} do {action}")


def _undelivered(code: str, message: str) -> Undelivered:
    """Remembered for `invoke_target`, because ministack catches what a delivery raises."""
    failure = Undelivered(code, message)
    _delivery.get()["failure"] = failure
    return failure


def _add_wait(wait: Callable[[], None]) -> None:
    waits = _waits.get()
    if waits is not None:
        waits.append(wait)


def _to_dead_letters(
    target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], failure: Undelivered, view: Any
) -> None:
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    dimensions = {"RuleName": rule.get("Name", "")}
    if not queue_arn:
        return
    if not resource_policies.allows(_SERVICE, "sqs:SendMessage", queue_arn, rule.get("Arn", "")):
        metrics.emit("AWS/Events", "InvocationsFailedToBeSentToDlq", 1, dimensions)
        logger.error("rule %s: its dead-letter queue %s does not let it send", rule.get("Name"), queue_arn)
        return
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": str(failure),
        "ACCOUNT": get_account_id(),
    }
    queue_messages.send(queue_arn, (view or eventbridge._pattern_event_view(event)).event_with_detail(), attributes)
    metrics.emit("AWS/Events", "InvocationsSentToDlq", 1, dimensions)
