"""The embedded AWS starts, tells who is who, and refuses what nobody allowed."""

import urllib.error
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import EmbeddedAws, LocalAwsError, gateway


def test_admin_is_a_real_user_and_operator_may_do_nothing_yet(aws: EmbeddedAws) -> None:
    assert aws.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{aws.account_id}:user/admin"
    with pytest.raises(ClientError, match=r"AccessDenied.*operator is not authorized"):
        aws.client("s3", "operator").list_buckets()


@pytest.mark.parametrize("key", ["test", "123456789012"])
def test_the_emulators_open_root_keys_are_refused(aws: EmbeddedAws, key: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=key,
        aws_secret_access_key=key,
    )
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client.list_buckets()


def test_a_second_one_in_the_same_process_is_refused(aws: EmbeddedAws, tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="there can be one a process"), EmbeddedAws(tmp_path):
        raise AssertionError("it started")


def test_a_write_that_would_fill_the_disk_is_refused_with_a_sentence(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="full-disk")
    s3.put_object(Bucket="full-disk", Key="before", Body=b"x")
    monkeypatch.setattr(gateway, "RESERVED_BYTES", 10**18)
    with pytest.raises(ClientError, match=r"InsufficientStorage.*The disk of the embedded AWS is full: \d+ MB free"):
        s3.put_object(Bucket="full-disk", Key="after", Body=b"x")
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="full-disk")["Contents"]] == ["before"]


@pytest.mark.parametrize("path", ["/", "/_ministack/reset", "/_ministack/config"])
def test_what_the_emulator_does_without_credentials_is_closed(aws: EmbeddedAws, path: str) -> None:
    method = "GET" if path == "/" else "POST"
    request = urllib.request.Request(f"{aws.endpoint_url}{path}", method=method, data=b"{}" if path != "/" else None)
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(request)
    refused.value.close()
