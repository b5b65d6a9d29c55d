"""AWS clients of a Lambda or a job: one a service for the life of the container, configured by the environment."""

import os
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_redshift_data.client import RedshiftDataAPIServiceClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_stepfunctions.client import SFNClient

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=16,
    tcp_keepalive=True,
)


@overload
def client(service: Literal["dynamodb"]) -> "DynamoDBClient": ...
@overload
def client(service: Literal["events"]) -> "EventBridgeClient": ...
@overload
def client(service: Literal["glue"]) -> "GlueClient": ...
@overload
def client(service: Literal["redshift-data"]) -> "RedshiftDataAPIServiceClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sns"]) -> "SNSClient": ...
@overload
def client(service: Literal["stepfunctions"]) -> "SFNClient": ...
def client(service: str) -> Any:
    """The container's client of a service. Region, credentials and endpoint come from the environment (`AWS_*`)."""
    return _client(service)


def session() -> boto3.Session:
    """The container's session, for what takes credentials instead of a client: made once for each access key."""
    return _session(os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_DEFAULT_REGION"))


@cache
def _client(service: str) -> Any:
    return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]


@lru_cache(8)
def _session(_access_key_id: str | None, _region: str | None) -> boto3.Session:
    return boto3.Session()
