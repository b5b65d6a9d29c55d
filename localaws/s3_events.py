"""S3's events on EventBridge name the version of the object.

*ministack*: leaves `version-id` out of an event's `object` on EventBridge (it has it in notifications to SQS, SNS and
Lambda).
*AWS*: `detail.object` of a versioned bucket's event has `version-id` beside `key` (not URL-encoded), `size`, `etag` and
`sequencer`.
*Here*: as on AWS.
"""

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, s3

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("s3_event_version", default=None)
_fire, _dispatch = s3._fire_s3_event, eventbridge._dispatch_event


def install() -> None:
    """Wrap the sending of S3's events."""
    s3._fire_s3_event, eventbridge._dispatch_event = fire, dispatch


def fire(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
    """Send an object's event, remembering its version."""
    token = _version.set(version_id)
    try:
        _fire(*arguments, version_id=version_id, **options)
    finally:
        _version.reset(token)


def dispatch(event: dict[str, Any], *arguments: Any, **options: Any) -> Any:
    """Give an event to the rules; one of S3's with the object's version."""
    version = _version.get()
    if version and event["Source"] == "aws.s3":
        detail = json.loads(event["Detail"])
        detail["object"]["version-id"] = version
        event = {**event, "Detail": json.dumps(detail)}
    return _dispatch(event, *arguments, **options)
