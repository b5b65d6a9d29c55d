"""Where data rests: the data key, the lake bucket, the ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, dynamodb, kms, s3

from deploy.parts.names import DATA_KEY, LAKE_BUCKET, LEDGER, key_arn, named, setting
from deploy.policies import policy_document, tls_only
from lakehouse.names import BRONZE, EXPORTS, GOLD, QUARANTINE, SILVER
from lakehouse.tidy.bronze import MARK

_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""Data outlives its stack; only a stack that never came up takes its empty resources with it."""

REQUEST_METRICS = "EntireBucket"
"""S3 counts the bucket's requests under this name."""

_ENCRYPTION = "s3:x-amz-server-side-encryption"
_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_SENDERS_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"
"""What an upload says of its encryption.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys"""

_REMOVED_GOLD_DAYS, _REMOVED_RESULTS_DAYS = 7, 1
"""How long bytes stay that can be made again."""


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
    """Old versions expire; in bronze only those that the daily tidying has marked, for an accepted version may lie
    under a refused one and be in force. Removed gold can be made again, so its bytes go sooner.

    Filters by tags exclude some actions: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html
    """
    kept, removed_gold = setting("OldVersionsDays"), _REMOVED_GOLD_DAYS
    days = {SILVER: kept, QUARANTINE: kept, "warehouse": kept, GOLD: removed_gold, EXPORTS: removed_gold}
    return [
        s3.LifecycleRule(
            Id="left-overs",
            Status="Enabled",
            Prefix="",
            ExpiredObjectDeleteMarker=True,
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=2),
        ),
        s3.LifecycleRule(
            Id="former-bronze-versions",
            Status="Enabled",
            Prefix=f"{BRONZE}/",
            TagFilters=[s3.TagFilter(Key=MARK["Key"], Value=MARK["Value"])],
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=kept),
        ),
        *(_old_versions(layer, after) for layer, after in days.items()),
        s3.LifecycleRule(
            Id="athena-results",
            Status="Enabled",
            Prefix="athena-results/",
            ExpirationInDays=setting("AthenaResultsDays"),
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=_REMOVED_RESULTS_DAYS),
        ),
    ]


def _old_versions(layer: str, days: Any) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        Id=f"old-{layer}-versions",
        Status="Enabled",
        Prefix=f"{layer}/",
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=days),
    )


def _bucket_policy() -> dict[str, Any]:
    """TLS only, and our key only: an upload that names no encryption gets it by default, one that names any must name
    SSE-KMS and our key by its ARN.

    SSE-KMS without a key would take the account's key of the service, whatever the bucket's default is:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
    """
    objects = Sub("${LakeBucket.Arn}/*")
    conditions = {
        "NoOtherKey": {"StringNotEquals": {_KEY: key_arn()}, "Null": {_KEY: "false"}},
        "NoOtherEncryption": {"StringNotEquals": {_ENCRYPTION: "aws:kms"}, "Null": {_ENCRYPTION: "false"}},
        "NoKeyOfTheService": {"StringEquals": {_ENCRYPTION: "aws:kms"}, "Null": {_KEY: "true"}},
        "NoKeyOfTheSender": {"Null": {_SENDERS_KEY: "false"}},
    }
    denied = [
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": objects,
            "Condition": condition,
        }
        for sid, condition in conditions.items()
    ]
    return {"Version": "2012-10-17", "Statement": [tls_only("s3:*", GetAtt(LAKE_BUCKET, "Arn"), objects), *denied]}


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
