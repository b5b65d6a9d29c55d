"""Faults can be put between any client and the embedded AWS."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.retries.standard import ExponentialBackoff
from deltalake import DeltaTable, write_deltalake

from localaws import EmbeddedAws
from localaws.interception import HANG_UP, LOSE_ANSWER, PASS, Answer, Decision, Request, service_error, throttled

BUCKET = "intercepted"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.001)


@pytest.fixture(scope="module")
def s3(aws: EmbeddedAws) -> Any:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return client(aws, "s3")


def client(aws: EmbeddedAws, service: str, tries: int = 1) -> Any:
    keys = aws.keys["admin"]
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": tries})
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        config=config,
    )


def once(decision: Decision | Callable[[Request], Decision], seen: list[Request]) -> Callable[[Request], Decision]:
    """The first request meets the fault, those that follow pass."""

    def decide(request: Request) -> Decision:
        seen.append(request)
        if len(seen) > 1:
            return PASS
        return decision if isinstance(decision, Decision) else decision(request)

    return decide


def test_every_operation_is_named_as_in_the_api(aws: EmbeddedAws, s3: Any, tmp_path: Path) -> None:
    seen: list[Request] = []
    (tmp_path / "file").write_bytes(b"x" * 17 * 1024**2)
    with aws.intercept(lambda request: seen.append(request) or PASS):
        s3.put_object(Bucket=BUCKET, Key="a b", Body=b"1")
        s3.head_object(Bucket=BUCKET, Key="a b")
        s3.get_object(Bucket=BUCKET, Key="a b")["Body"].read()
        s3.copy_object(Bucket=BUCKET, Key="c", CopySource={"Bucket": BUCKET, "Key": "a b"})
        s3.list_objects_v2(Bucket=BUCKET)
        s3.list_object_versions(Bucket=BUCKET)
        s3.delete_object(Bucket=BUCKET, Key="c")
        s3.upload_file(str(tmp_path / "file"), BUCKET, "large")
        client(aws, "dynamodb").list_tables()
        client(aws, "sns").list_topics()
    s3_names = ["PutObject", "HeadObject", "GetObject", "CopyObject", "ListObjectsV2", "ListObjectVersions"]
    parts = ["UploadPart"] * 3
    expected = [*s3_names, "DeleteObject", "CreateMultipartUpload", *parts, "CompleteMultipartUpload"]
    assert [one.operation for one in seen] == [*expected, "ListTables", "ListTopics"]
    assert [one.service for one in seen] == ["s3"] * len(expected) + ["dynamodb", "sns"]
    assert {one.access_key_id for one in seen} == {aws.keys["admin"].access_key_id}
    assert (seen[0].method, seen[0].path) == ("PUT", f"/{BUCKET}/a b")
    assert seen[-2].json == {}
    assert seen[-1].form["Action"] == "ListTopics"


def test_a_lost_answer_is_repeated_by_the_sdk_and_the_effect_is_there_twice(aws: EmbeddedAws, s3: Any) -> None:
    sqs = client(aws, "sqs", tries=2)
    url = aws.client("sqs").create_queue(QueueName="lost-answers")["QueueUrl"]
    seen: list[Request] = []
    with aws.intercept(once(LOSE_ANSWER, seen)):
        sqs.send_message(QueueUrl=url, MessageBody="told")
    assert [one.operation for one in seen] == ["SendMessage"] * 2
    number = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert number["Attributes"] == {"ApproximateNumberOfMessages": "2"}


@pytest.mark.parametrize(("decision", "stored"), [(LOSE_ANSWER, True), (HANG_UP, False)])
def test_a_closed_connection_is_an_error_whether_or_not_there_was_an_effect(
    aws: EmbeddedAws, s3: Any, decision: Decision, stored: bool
) -> None:
    key = f"closed-{stored}"
    with aws.intercept(once(decision, [])), pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    assert ("Contents" in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)) is stored


@pytest.mark.parametrize(
    ("service", "call", "fault", "code"),
    [
        ("s3", lambda s3: s3.put_object(Bucket=BUCKET, Key="refused", Body=b"1"), throttled, "SlowDown"),
        ("s3", lambda s3: s3.head_object(Bucket=BUCKET, Key="refused"), service_error, "500"),
        ("dynamodb", lambda dynamodb: dynamodb.list_tables(), throttled, "ThrottlingException"),
        ("sns", lambda sns: sns.list_topics(), throttled, "ThrottlingException"),
        ("stepfunctions", lambda sfn: sfn.list_state_machines(), service_error, "InternalError"),
    ],
)
def test_each_service_refuses_in_its_own_way(
    aws: EmbeddedAws, s3: Any, service: str, call: Callable[[Any], Any], fault: Any, code: str
) -> None:
    with aws.intercept(once(fault, [])), pytest.raises(ClientError) as refused:
        call(client(aws, service))
    assert refused.value.response["Error"]["Code"] == code
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="refused")


@pytest.mark.parametrize("fault", [throttled, service_error, LOSE_ANSWER, HANG_UP])
def test_the_sdk_repeats_what_was_refused_or_lost(aws: EmbeddedAws, s3: Any, fault: Any) -> None:
    seen: list[Request] = []
    with aws.intercept(once(fault, seen)):
        client(aws, "s3", tries=2).put_object(Bucket=BUCKET, Key="again", Body=b"1")
    assert [one.operation for one in seen] == ["PutObject"] * 2


def test_something_can_be_done_before_and_after_the_effect(aws: EmbeddedAws, s3: Any) -> None:
    order: list[str] = []

    async def before() -> None:
        order.append("before")

    def after(answer: Answer) -> None:
        order.append(f"after {answer.status}")

    with aws.intercept(lambda _: Decision(before=before, after=after)):
        s3.put_object(Bucket=BUCKET, Key="watched", Body=b"1")
    assert order == ["before", "after 200"]


def test_delta_rs_meets_faults_too_and_repeats(aws: EmbeddedAws, s3: Any) -> None:
    keys = aws.keys["admin"]
    options = {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_region": aws.region,
        "aws_endpoint": aws.endpoint_url,
        "aws_allow_http": "true",
        "aws_conditional_put": "etag",
        "max_retries": "2",
        "backoff_config.init_backoff": "1ms",
        "backoff_config.max_backoff": "2ms",
    }
    seen: list[Request] = []
    met: list[Request] = []

    def first_put(request: Request) -> Decision:
        seen.append(request)
        if request.operation != "PutObject" or met:
            return PASS
        met.append(request)
        return LOSE_ANSWER

    with aws.intercept(first_put):
        write_deltalake(f"s3://{BUCKET}/table", pa.table({"n": [1, 2]}), storage_options=options)
    assert {one.access_key_id for one in seen} == {keys.access_key_id}
    assert [one.path for one in seen if one.operation == "PutObject"].count(met[0].path) == 2
    assert DeltaTable(f"s3://{BUCKET}/table", storage_options=options).version() == 0


def test_one_interceptor_at_a_time_and_none_afterwards(aws: EmbeddedAws, s3: Any) -> None:
    with aws.intercept(lambda _: HANG_UP):
        with pytest.raises(RuntimeError, match="already"), aws.intercept(lambda _: PASS):
            raise AssertionError("it began")
        with pytest.raises(ConnectionClosedError):
            s3.list_buckets()
    s3.list_buckets()
