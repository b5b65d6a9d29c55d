"""SQS messages handled one by one, so that only those that fail are delivered again."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from lakehouse.events import Ignored, ObjectCreated, messages, parse
from lakehouse.log import log


def handle_messages(event: Mapping[str, Any], handle: Callable[[ObjectCreated, str], None]) -> dict[str, object]:
    """Give every new object that the messages tell of to `handle`, with the message's id.

    Returns:
        The answer of an event source mapping with `ReportBatchItemFailures`: the messages to deliver again. After the
        queue's `maxReceiveCount` they end in the dead-letter queue.

    Raises:
        ExceptionGroup: every message failed (with a batch size of 1: the message did). So the invocation itself counts
            as failed, and the function's error alarm fires at once.
    """
    received = messages(event)
    failures: dict[str, Exception] = {}
    for message in received:
        try:
            for found in parse(message.body):
                if isinstance(found, Ignored):
                    log("event_ignored", key=found.key, why=found.why)
                else:
                    handle(found, message.message_id)
        except Exception as failure:  # noqa: BLE001 - reported to SQS, logged and, where all fail, raised below
            trace = "".join(traceback.format_exception(failure))
            log("message_failed", message_id=message.message_id, error=repr(failure), traceback=trace)
            failures[message.message_id] = failure
    if failures and len(failures) == len(received):
        raise ExceptionGroup(f"All {len(received)} messages failed", list(failures.values()))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}
