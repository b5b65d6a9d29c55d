"""The embedded AWS starts, tells who is who, and refuses what nobody allowed."""

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import EmbeddedAws


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
