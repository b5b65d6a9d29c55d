"""A queue that an EventBridge rule fills, for tests that look at events."""

import json
from collections.abc import Callable
from typing import Any

from localaws import EmbeddedAws


def queue_of_events(aws: EmbeddedAws, name: str, pattern: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Make a queue and a rule with this pattern; a function that takes the next event, waiting up to 10 s."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def receive() -> dict[str, Any]:
        message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        event: dict[str, Any] = json.loads(message["Body"])
        return event

    return receive
