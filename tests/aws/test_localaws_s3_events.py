"""S3 → EventBridge → SQS → Lambda carries keys and versions as AWS does, and quickly."""

import json
import time
from typing import Any

import pytest
from event_queue import queue_of_events
from glue_job import make_role
from test_localaws_cloudformation import LAMBDA_TRUST, code

from localaws import EmbeddedAws

KEYS = [
    "bronze/plain.json",
    "bronze/with space.json",
    "bronze/with+plus.json",
    "bronze/100%25.json",
    "bronze/Grüße-日本.json",
    "bronze/a&b=c'd\"e.json",
]


@pytest.fixture(scope="module")
def bucket(aws: EmbeddedAws) -> str:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="event-source")
    s3.put_bucket_versioning(Bucket="event-source", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="event-source", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return "event-source"


def pattern(bucket: str, prefix: str) -> dict[str, Any]:
    object_created = {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": prefix}]}}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": object_created}


def test_keys_arrive_as_they_are_with_version_and_growing_sequencer(aws: EmbeddedAws, bucket: str) -> None:
    receive = queue_of_events(aws, "s3-keys", pattern(bucket, "bronze/"))
    s3 = aws.client("s3")
    put = {}
    for key in [*KEYS, KEYS[0]]:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        put[answer["VersionId"]] = (key, answer["ETag"].strip('"'), len(key.encode()))
    events = [receive() for _ in range(len(KEYS) + 1)]
    objects = [event["detail"]["object"] for event in events]
    assert {one["version-id"]: (one["key"], one["etag"], one["size"]) for one in objects} == put
    assert {event["detail"]["reason"] for event in events} == {"PutObject"}
    by_time = sorted((one for one in objects if one["key"] == KEYS[0]), key=lambda one: int(one["sequencer"], 16))
    newest = s3.head_object(Bucket=bucket, Key=KEYS[0])["VersionId"]
    assert by_time[-1]["version-id"] == newest


def test_a_put_reaches_a_lambda_within_seconds(aws: EmbeddedAws, bucket: str) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    queue_of_events(aws, "s3-to-lambda", pattern(bucket, "quick/"))
    queue = f"arn:aws:sqs:{aws.region}:{aws.account_id}:s3-to-lambda"
    done = sqs.create_queue(QueueName="s3-seen")["QueueUrl"]
    text = (
        "import boto3\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl={done!r}, MessageBody=event['Records'][0]['body'])"
    )
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"]
    role = make_role(aws, "s3-seen", {"Effect": "Allow", "Action": actions, "Resource": "*"}, trust=LAMBDA_TRUST)
    client = aws.client("lambda")
    client.create_function(
        FunctionName="s3-seen", Role=role, Runtime="python3.11", Handler="f.handler", Code={"ZipFile": code(text)}
    )
    client.create_event_source_mapping(FunctionName="s3-seen", EventSourceArn=queue, BatchSize=1)
    seconds = []
    for number in range(4):
        start = time.monotonic()
        s3.put_object(Bucket=bucket, Key=f"quick/{number}", Body=b"x")
        message = sqs.receive_message(QueueUrl=done, WaitTimeSeconds=20)["Messages"][0]
        seconds.append(time.monotonic() - start)
        sqs.delete_message(QueueUrl=done, ReceiptHandle=message["ReceiptHandle"])
        assert json.loads(message["Body"])["detail"]["object"]["key"] == f"quick/{number}"
    assert min(seconds) < 5, seconds
