"""AWS/SQS: how many messages wait in each queue, and how long the oldest has.

*ministack*: counts nothing. *AWS*: a value a minute for every queue in use.
*Here*: a value whenever the number changes, and one a minute of the lake's clock while messages are there, which also
ages them.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import sqs

from localaws.metrics.record import AT, emit, now

_EVERY_SECONDS = 60.0

_last: dict[tuple[str, str, str], tuple[tuple[int, int], float]] = {}
"""For each queue what was counted last, and when."""


def look() -> None:
    """Count what is in every queue."""
    for (account, region, url), queue in list(sqs._queues._data.items()):
        messages = list(queue["messages"])
        moment = time.time()
        visible = sum(message.get("visible_at", 0) <= moment for message in messages)
        counts, key = (visible, len(messages)), (account, region, url)
        known, at = _last.get(key, ((0, 0), 0.0))
        if counts == known and (counts == (0, 0) or now() - at < _EVERY_SECONDS):
            continue
        _last[key] = counts, now()
        with request_scope(account, region):
            _count(queue.get("name") or url.rsplit("/", 1)[-1], messages, visible, moment)


def _count(name: str, messages: list[dict[str, Any]], visible: int, moment: float) -> None:
    dimensions = {"QueueName": name}
    sent = [message.setdefault(AT, now() - (moment - message["sent_at"])) for message in messages]
    emit("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, dimensions)
    emit("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", len(messages) - visible, dimensions)
    emit("AWS/SQS", "ApproximateAgeOfOldestMessage", now() - min(sent, default=now()), dimensions, "Seconds")
