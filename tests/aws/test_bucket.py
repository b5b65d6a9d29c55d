"""The lake's buckets as deployed: what is stored how, and which uploads are refused. Plain HTTP cannot be tried: all
requests of the embedded AWS count as TLS; what the template says of TLS is in tests/unit/test_template.py."""

import io
import json
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from deploy.bucket import artifacts_bucket
from tests.lake import Lake

KEY_OF_SENDER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
OTHER = {
    "another key": lambda other: {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": other},
    "another key alone": lambda other: {"SSEKMSKeyId": other},
    "the account's key of S3": lambda _: {"ServerSideEncryption": "aws:kms"},
    "S3's own encryption": lambda _: {"ServerSideEncryption": "AES256"},
    "two layers": lambda _: {"ServerSideEncryption": "aws:kms:dsse"},
    "the sender's key": lambda _: KEY_OF_SENDER,
}


@pytest.fixture(scope="module")
def other_key(lake: Lake) -> str:
    """A key of the same account that is not the lake's."""
    return str(lake.client("kms").create_key()["KeyMetadata"]["Arn"])


def must_be_refused(call: Any, **arguments: Any) -> None:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def stored_with(lake: Lake, key: str) -> tuple[str, str]:
    head = lake.client("s3").head_object(Bucket=lake.bucket, Key=key)
    return head["ServerSideEncryption"], head["SSEKMSKeyId"]


def test_an_upload_that_names_no_encryption_is_encrypted_with_the_lakes_key(lake: Lake) -> None:
    key = "quarantine/activity/tests/default"
    lake.as_role("gate", "s3").put_object(Bucket=lake.bucket, Key=key, Body=b"x")
    assert stored_with(lake, key) == ("aws:kms", lake.outputs["DataKeyArn"])


def test_an_upload_that_names_the_lakes_key_is_taken(lake: Lake) -> None:
    key, data_key = "quarantine/activity/tests/named", lake.outputs["DataKeyArn"]
    gate = lake.as_role("gate", "s3")
    gate.put_object(Bucket=lake.bucket, Key=key, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=data_key)
    assert stored_with(lake, key) == ("aws:kms", data_key)


@pytest.mark.parametrize("what", OTHER)
def test_an_upload_that_names_anything_else_is_refused(lake: Lake, other_key: str, what: str) -> None:
    key, names_other = f"quarantine/activity/tests/{what}", OTHER[what](other_key)
    put = lake.as_role("gate", "s3").put_object
    must_be_refused(put, Bucket=lake.bucket, Key=key, Body=b"x", **names_other)
    admin = lake.client("s3")
    assert "Contents" not in admin.list_objects_v2(Bucket=lake.bucket, Prefix=key)


def test_the_administrator_is_refused_too(lake: Lake, other_key: str) -> None:
    put = lake.client("s3").put_object
    must_be_refused(put, Bucket=lake.bucket, Key="bronze/x", Body=b"x", SSEKMSKeyId=other_key)


@pytest.mark.parametrize("what", ["another key", "S3's own encryption"])
def test_an_upload_in_parts_is_refused_as_it_begins(lake: Lake, other_key: str, what: str) -> None:
    begin = lake.as_role("gate", "s3").create_multipart_upload
    must_be_refused(begin, Bucket=lake.bucket, Key="quarantine/activity/tests/parts", **OTHER[what](other_key))


def test_an_upload_in_parts_that_names_nothing_is_taken(lake: Lake) -> None:
    gate, key = lake.as_role("gate", "s3"), "quarantine/activity/tests/in-parts"
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024**2)
    gate.upload_fileobj(io.BytesIO(b"x" * (6 * 1024**2)), lake.bucket, key, Config=config)
    assert stored_with(lake, key) == ("aws:kms", lake.outputs["DataKeyArn"])


def test_a_copy_is_encrypted_anew_with_the_lakes_key_and_with_no_other(lake: Lake, other_key: str) -> None:
    admin, source = lake.client("s3"), {"Bucket": lake.bucket, "Key": "quarantine/activity/tests/to-copy"}
    admin.put_object(**source, Body=b"x")
    admin.copy_object(Bucket=lake.bucket, Key="quarantine/activity/tests/copied", CopySource=source)
    assert stored_with(lake, "quarantine/activity/tests/copied") == ("aws:kms", lake.outputs["DataKeyArn"])
    copy = {"Bucket": lake.bucket, "Key": "quarantine/activity/tests/copied-so", "CopySource": source}
    must_be_refused(admin.copy_object, **copy, ServerSideEncryption="aws:kms", SSEKMSKeyId=other_key)


def test_the_lake_bucket_is_private_versioned_and_forgets_what_it_may(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), lake.bucket
    must_be_closed(s3, bucket)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    former = rules["former-bronze-versions"]
    marked = [{"Key": "lakegate-former", "Value": "yes"}]
    assert (former["Filter"]["And"]["Prefix"], former["Filter"]["And"]["Tags"]) == ("bronze/", marked)
    assert former["NoncurrentVersionExpiration"] == {"NoncurrentDays": lake.config.old_versions_days}
    of_bronze = [name for name, rule in rules.items() if covers(rule, "bronze/a")]
    assert sorted(of_bronze) == ["former-bronze-versions", "left-overs"]
    assert "NoncurrentVersionExpiration" not in rules["left-overs"], "an accepted version may lie under a refused one"
    assert [name for name, rule in rules.items() if "Days" in rule.get("Expiration", {})] == ["athena-results"]


def covers(rule: dict[str, Any], key: str) -> bool:
    some = rule["Filter"].get("And", rule["Filter"])
    return key.startswith(some["Prefix"])


def test_the_artifacts_bucket_is_private_versioned_and_forgets_what_nobody_deploys(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), artifacts_bucket(lake.config.prefix, lake.aws.account_id)
    must_be_closed(s3, bucket)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert set(rules) == {"old-versions"}
    must_be_refused(s3.put_object, Bucket=bucket, Key="x", Body=b"x", **KEY_OF_SENDER)
    s3.put_object(Bucket=bucket, Key="tests/x", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="tests/x")["ServerSideEncryption"] == "AES256"


def must_be_closed(s3: Any, bucket: str) -> None:
    """Not public, not shared by ACLs, versioned, TLS only."""
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(closed) == 4
    assert all(closed.values())
    owner = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert [one["Effect"] for one in policy["Statement"] if one["Sid"] == "OnlyTls"] == ["Deny"]
    arn = f"arn:aws:s3:::{bucket}"
    only_tls = next(one for one in policy["Statement"] if one["Sid"] == "OnlyTls")
    assert only_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (only_tls["Action"], only_tls["Resource"]) == ("s3:*", [arn, f"{arn}/*"])
