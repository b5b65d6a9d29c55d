"""Where data rests: the data key, the lake bucket, the ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, dynamodb, kms, s3

from deploy.parts.names import DATA_KEY, LAKE_BUCKET, LEDGER, key_arn, named, setting
from deploy.policies import policy_document, tls_only

_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""Data outlives its stack; only a stack that never came up takes its empty resources with it."""

REQUEST_METRICS = "EntireBucket"
"""S3 counts the bucket's requests under this name."""

_ENCRYPTED_WITH = "s3:x-amz-server-side-encryption-aws-kms-key-id"


def add(template: Template, kms_dir: Path, pipelines: Sequence[str]) -> None:
    template.add_resource(
        kms.Key(
            DATA_KEY,
            Description="Encrypts everything in the lake",
            EnableKeyRotation=True,
            KeyPolicy=policy_document(kms_dir / "data.json", {"Pipeline": pipelines}),
            **_KEPT,
        )
    )
    template.add_resource(kms.Alias("DataKeyAlias", AliasName=Sub("alias/${Prefix}"), TargetKeyId=Ref(DATA_KEY)))
    template.add_resource(_bucket())
    template.add_resource(s3.BucketPolicy("LakeBucketPolicy", Bucket=Ref(LAKE_BUCKET), PolicyDocument=_bucket_policy()))
    template.add_resource(_ledger())


def _bucket() -> s3.Bucket:
    default = s3.ServerSideEncryptionByDefault(SSEAlgorithm="aws:kms", KMSMasterKeyID=key_arn())
    return s3.Bucket(
        LAKE_BUCKET,
        BucketName=Sub("${Prefix}-lake-${AWS::AccountId}"),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(BucketKeyEnabled=True, ServerSideEncryptionByDefault=default)
            ]
        ),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        MetricsConfigurations=[s3.MetricsConfiguration(Id=REQUEST_METRICS)],
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=_lifecycle()),
        NotificationConfiguration=s3.NotificationConfiguration(
            EventBridgeConfiguration=s3.EventBridgeConfiguration(EventBridgeEnabled=True)
        ),
        **_KEPT,
    )


def _lifecycle() -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            Id="old-versions",
            Status="Enabled",
            Prefix="",
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=setting("OldVersionsDays")),
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=2),
        ),
        s3.LifecycleRule(
            Id="athena-results",
            Status="Enabled",
            Prefix="athena-results/",
            ExpirationInDays=setting("AthenaResultsDays"),
        ),
    ]


def _bucket_policy() -> dict[str, Any]:
    """TLS only; and an upload that names a key must name ours, while one that names none gets it by default."""
    objects = Sub("${LakeBucket.Arn}/*")
    other_key = {
        "Sid": "NoOtherKey",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": objects,
        "Condition": {"StringNotEquals": {_ENCRYPTED_WITH: key_arn()}, "Null": {_ENCRYPTED_WITH: "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [tls_only("s3:*", GetAtt(LAKE_BUCKET, "Arn"), objects), other_key]}


def _ledger() -> dynamodb.Table:
    def keys(hash_key: str, range_key: str) -> list[dynamodb.KeySchema]:
        return [
            dynamodb.KeySchema(AttributeName=hash_key, KeyType="HASH"),
            dynamodb.KeySchema(AttributeName=range_key, KeyType="RANGE"),
        ]

    return dynamodb.Table(
        LEDGER,
        TableName=named("ledger"),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S")
            for name in ("pk", "sk", "kind_pipeline", "at")
        ],
        KeySchema=keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            dynamodb.GlobalSecondaryIndex(
                IndexName="by-kind",
                KeySchema=keys("kind_pipeline", "at"),
                Projection=dynamodb.Projection(ProjectionType="ALL"),
            )
        ],
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        SSESpecification=dynamodb.SSESpecification(SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=key_arn()),
        **_KEPT,
    )
