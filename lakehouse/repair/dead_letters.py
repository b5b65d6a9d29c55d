"""Messages that nobody works on any more: what each is about, and giving it back to where it came from.

| queue | a message is | goes back to |
|---|---|---|
| `intake` | an arrival that the gate failed on five times, as EventBridge or S3 sent it | the intake queue |
| `events` | an event that was not delivered; attributes RULE_ARN, TARGET_ARN, ERROR_CODE | its target |
| `functions` | Lambda's record, with `requestPayload`, of a function that failed and nobody waits for | the function |

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from lakehouse.errors import EventError
from lakehouse.events import Ignored, parse

QueueName = Literal["intake", "events", "functions"]
QUEUES: dict[QueueName, str] = {"intake": "gate-dlq", "events": "events-dlq", "functions": "functions-dlq"}
"""Name by which a person calls a queue → what follows the prefix in its own name."""
INTAKE_QUEUE = "gate"


@dataclass(frozen=True)
class Target:
    """Where a message can be given back to."""

    kind: Literal["queue", "function"]
    name: str
    """Of the queue or function, with the stack's prefix."""
    body: str
    """What is handed over: JSON text."""


@dataclass(frozen=True)
class DeadLetter:
    """One message. Nothing in it but `target` holds what the message says: it may quote a person's data."""

    queue: QueueName
    message_id: str
    sent_at: str
    """When it was sent first, ISO-8601 UTC."""
    about: str
    """Object key, or what the event names: pipeline, batch, run, table."""
    kind: str
    """The event's detail-type, or what the message is."""
    error: str
    """Code or class of the error; empty where the message names none."""
    goes_to: str
    """Queue or function that it can be given back to; empty where there is none."""
    why_not: str
    """Why it cannot be given back, where it cannot."""


def read_letter(queue: QueueName, message: Mapping[str, Any], prefix: str) -> tuple[DeadLetter, Target | None]:
    """What a message of SQS is about, and where it can go. A message that says nothing known is no error: it is shown
    as such and stays."""
    readers = {"intake": _intake, "events": _undelivered, "functions": _failed}
    body = str(message["Body"])
    attributes = {
        name: str(value.get("StringValue", "")) for name, value in message.get("MessageAttributes", {}).items()
    }
    try:
        about, kind, error, target = readers[queue](body, attributes, prefix)
        why_not = "" if target else "its target is no queue or function of this lake"
    except (ValueError, KeyError, TypeError, AttributeError, EventError):
        about, kind, error, target, why_not = "", "unreadable", "", None, "it is not what this queue should hold"
    sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC).isoformat(timespec="seconds")
    goes_to = target.name if target else ""
    return DeadLetter(queue, str(message["MessageId"]), sent, about, kind, error, goes_to, why_not), target


_Read = tuple[str, str, str, Target | None]


def _intake(body: str, _attributes: Mapping[str, str], prefix: str) -> _Read:
    found = parse(body)
    keys = [one.key or one.why if isinstance(one, Ignored) else one.key for one in found]
    kind = "arrival" if any(not isinstance(one, Ignored) for one in found) else "no arrival"
    return ", ".join(keys), kind, "", Target("queue", f"{prefix}-{INTAKE_QUEUE}", body)


def _undelivered(body: str, attributes: Mapping[str, str], prefix: str) -> _Read:
    event = json.loads(body)
    target = _target(attributes.get("TARGET_ARN", ""), body, prefix)
    return _about(event), str(event["detail-type"]), attributes.get("ERROR_CODE", ""), target


def _failed(body: str, _attributes: Mapping[str, str], prefix: str) -> _Read:
    record = json.loads(body)
    payload = record["requestPayload"]
    target = _target(record["requestContext"]["functionArn"], json.dumps(payload), prefix)
    error = record.get("responsePayload", {}).get("errorType") or record["requestContext"].get("condition", "")
    kind = payload.get("detail-type", "call") if isinstance(payload, dict) else "call"
    return _about(payload), str(kind), str(error), target


def _target(arn: str, body: str, prefix: str) -> Target | None:
    """The intake queue or one of the lake's functions."""
    parts = arn.split(":")
    if len(parts) >= 7 and parts[2] == "lambda" and parts[6].startswith(f"{prefix}-"):
        return Target("function", parts[6], body)
    if len(parts) == 6 and parts[2] == "sqs" and parts[5] == f"{prefix}-{INTAKE_QUEUE}":
        return Target("queue", parts[5], body)
    return None


def _about(event: Any) -> str:
    """The names in an event: those of things, never of people."""
    if not isinstance(event, dict):
        return ""
    detail = event.get("detail")
    fields = detail if isinstance(detail, dict) else event
    thing = fields.get("object")
    if isinstance(thing, dict) and "key" in thing:
        return str(thing["key"])
    named = ("pipeline", "batch", "run_id", "table", "crawlerName", "jobName", "jobRunId", "state")
    return " ".join(str(fields[name]) for name in named if name in fields)
