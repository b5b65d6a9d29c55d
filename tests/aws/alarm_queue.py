"""A topic that keeps everything it is told in a queue."""

import json
import time
from collections.abc import Callable
from typing import Any

from localaws import EmbeddedAws


def topic_with_queue(aws: EmbeddedAws, name: str) -> tuple[str, Callable[[], dict[str, Any]]]:
    """A topic of the default policy that CloudWatch may publish to; its ARN and a function that waits for the next
    message of it."""
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic: str = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = f"arn:aws:sqs:{aws.region}:{aws.account_id}:{name}"
    allow(sns.set_topic_attributes, topic, "cloudwatch.amazonaws.com", "sns:Publish", TopicArn=topic)
    document = policy(queue, "sns.amazonaws.com", "sqs:SendMessage")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

    def receive() -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                envelope = json.loads(message["Body"])
                return {"subject": envelope.get("Subject"), **json.loads(envelope["Message"])}
        raise AssertionError(f"{name} was told nothing")

    return topic, receive


def allow(put: Callable[..., Any], resource: str, service: str, action: str, **names: str) -> None:
    """Let an AWS service act on a topic."""
    put(AttributeName="Policy", AttributeValue=policy(resource, service, action), **names)


def policy(resource: str, service: str, action: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
