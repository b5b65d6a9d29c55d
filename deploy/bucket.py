"""The artifacts bucket: made before the stack, because the stack's functions are created from its objects.

So it cannot be encrypted with the stack's key, and is with S3's own: it holds code and templates, never data. What is
deployed stays: a job reads its script at every run, and a stack that is rolled back its former code.
"""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy.artifacts import Artifact
from deploy.policies import tls_only

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
_OLD_VERSIONS_DAYS = 30
_NOT_FOUND = ("404", "NoSuchBucket", "NotFound")
_OURS: "TagTypeDef" = {"Key": "created-by", "Value": "lake deploy"}
"""On a bucket that a deployment made: only such a one is ever removed."""


def artifacts_bucket(prefix: str, account: str) -> str:
    return f"{prefix}-artifacts-{account}"


def ensure_bucket(s3: "S3Client", bucket: str, region: str) -> None:
    """Make the bucket if it is not there, and in any case private, encrypted, versioned and open to TLS alone."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise
        place: dict[str, Any] = (
            {}
            if region == _REGION_WITHOUT_CONSTRAINT
            else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        s3.create_bucket(Bucket=bucket, **place)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [_OURS]})
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    owner: Any = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owner)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=_lifecycle())
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_policy(f"arn:{s3.meta.partition}:s3:::{bucket}")))


def made_here(s3: "S3Client", bucket: str) -> bool | None:
    """Whether a deployment has made this bucket; None: there is no such bucket."""
    try:
        s3.head_bucket(Bucket=bucket)
        return _OURS in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND:
            return None
        if error.response["Error"]["Code"] == "NoSuchTagSet":
            return False
        raise


def _lifecycle() -> Any:
    rule = {
        "ID": "old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_VERSIONS_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
    }
    return {"Rules": [rule]}


def _policy(arn: str) -> dict[str, Any]:
    """TLS only, and no key but S3's own."""
    encryption, senders = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-customer-algorithm"
    denied: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{arn}/*"}
    other = {"StringNotEquals": {encryption: "AES256"}, "Null": {encryption: "false"}}
    statements = [
        tls_only("s3:*", arn, f"{arn}/*"),
        {"Sid": "NoOtherEncryption", **denied, "Condition": other},
        {"Sid": "NoKeyOfTheSender", **denied, "Condition": {"Null": {senders: "false"}}},
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def upload(s3: "S3Client", bucket: str, artifact: Artifact) -> None:
    """Put an artifact under its key unless it is there: the key is the content's hash."""
    try:
        s3.head_object(Bucket=bucket, Key=artifact.key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
            raise
        s3.put_object(Bucket=bucket, Key=artifact.key, Body=artifact.data)
