"""The artifacts bucket: made before the stack, because the stack's functions are created from its objects."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy.artifacts import Artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REGION_WITHOUT_CONSTRAINT = "us-east-1"
_NOT_FOUND = ("404", "NoSuchBucket", "NotFound")


def artifacts_bucket(prefix: str, account: str) -> str:
    return f"{prefix}-artifacts-{account}"


def ensure_bucket(s3: "S3Client", bucket: str, region: str) -> None:
    """Make the bucket if it is not there, and in any case private, encrypted and versioned."""
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


def upload(s3: "S3Client", bucket: str, artifact: Artifact) -> None:
    """Put an artifact under its key unless it is there: the key is the content's hash."""
    try:
        s3.head_object(Bucket=bucket, Key=artifact.key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
            raise
        s3.put_object(Bucket=bucket, Key=artifact.key, Body=artifact.data)
