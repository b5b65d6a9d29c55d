"""What an SQS message says about the lake bucket, parsed once into values.

Two senders are known, and each writes keys in its own way: EventBridge sends them as they are, S3's own notifications
URL-encode them (`+` for a space). https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from lakehouse.errors import EventError


@dataclass(frozen=True)
class ObjectCreated:
    """An object was stored. Which of its versions counts is for the receiver to look up: events come late and twice."""

    bucket: str
    key: str
    """As stored, not URL-encoded."""


@dataclass(frozen=True)
class Ignored:
    """Something that needs no work, and why."""

    why: str
    key: str | None = None


@dataclass(frozen=True)
class Message:
    """One SQS message."""

    message_id: str
    """Stays the same when the message is delivered again."""
    body: str


def messages(event: Mapping[str, Any]) -> tuple[Message, ...]:
    """The SQS messages of a Lambda invocation.

    Raises:
        EventError: the event is no SQS event.
    """
    try:
        return tuple(Message(record["messageId"], record["body"]) for record in event["Records"])
    except (KeyError, TypeError) as error:
        raise EventError(f"Lambda event is no SQS event: {error!r}. Expected Records[].messageId and .body") from error


def parse(body: str) -> tuple[ObjectCreated | Ignored, ...]:
    """What the body of an SQS message says.

    Raises:
        EventError: neither an EventBridge event nor an S3 notification.
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise EventError(f"SQS body is a JSON {type(document).__name__}, expected an object")
        if "detail-type" in document:
            return (_from_eventbridge(document),)
        if "Records" in document:
            return tuple(_from_s3(document["Records"]))
    except (ValueError, KeyError, TypeError) as error:
        raise EventError(f"SQS body is neither an EventBridge event nor an S3 notification: {error!r}") from error
    if document.get("Event") == "s3:TestEvent":
        return (Ignored("S3 tests its notification target"),)
    raise EventError(f"SQS body has fields {sorted(document)}, expected 'detail-type' (EventBridge) or 'Records' (S3)")


def _from_eventbridge(document: Mapping[str, Any]) -> ObjectCreated | Ignored:
    kind, detail = document["detail-type"], document["detail"]
    if document["source"] != "aws.s3":
        raise EventError(f"EventBridge event from {document['source']!r}, expected 'aws.s3'")
    if kind == "Object Created":
        return ObjectCreated(detail["bucket"]["name"], detail["object"]["key"])
    return Ignored(f"EventBridge 'aws.s3' event {kind!r} is no new object", detail.get("object", {}).get("key"))


def _from_s3(records: list[Mapping[str, Any]]) -> Iterator[ObjectCreated | Ignored]:
    for record in records:
        if record["eventSource"] != "aws:s3":
            raise EventError(f"Notification from {record['eventSource']!r}, expected 'aws:s3'")
        key = unquote_plus(record["s3"]["object"]["key"], errors="strict")
        if record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
            yield ObjectCreated(record["s3"]["bucket"]["name"], key)
        else:
            yield Ignored(f"S3 event {record['eventName']!r} is no new object", key)


def due_at(event: Mapping[str, Any]) -> datetime:
    """When a schedule's event was due, UTC: a retry hours later decides as the first try did.

    Raises:
        EventError: the event has no such `time`.
    """
    try:
        return datetime.fromisoformat(event["time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise EventError(f"Expected a schedule's event with `time` as ISO-8601; found {error!r}") from error
