"""Messages that AWS services themselves put into dead-letter queues."""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, new_uuid
from ministack.services import sqs


def send(queue_arn: str, event: Any, attributes: Mapping[str, str]) -> bool:
    """Put an event with string attributes into a queue of this account; False when there is none of this ARN."""
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        return False
    body, now = json.dumps(event), time.time()
    by_name = {name: {"DataType": "String", "StringValue": text[:1024]} for name, text in attributes.items()}
    message = {
        "id": new_uuid(),
        "body": body,
        "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "md5_attrs": sqs._md5_msg_attrs(by_name),
        "receipt_handle": None,
        "sent_at": now,
        "visible_at": now + sqs.queue_delay(queue),
        "receive_count": 0,
        "message_attributes": by_name,
        "sys": {"SenderId": get_account_id(), "SentTimestamp": str(int(now * 1000))},
    }
    sqs._ensure_msg_fields(message)
    queue["messages"].append(message)
    return True
