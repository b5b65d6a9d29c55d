"""What a deployment has made and is there now: the resources of its stack, and what they hold. Reads only.

A stack that is gone is still known to CloudFormation for 90 days by its id, and its events say what it left behind; so
a removal that was interrupted after it finds the rest.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy.bucket import artifacts_bucket, made_here
from deploy.stack_events import describe, events

BUCKET, TABLE, KEY = "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 (a type of resource)
FUNCTION, JOB, CRAWLER = "AWS::Lambda::Function", "AWS::Glue::Job", "AWS::Glue::Crawler"
ROLE, SECURITY = "AWS::IAM::Role", "AWS::Glue::SecurityConfiguration"
NAMESPACE = "AWS::RedshiftServerless::Namespace"
DATA = (BUCKET, TABLE, KEY, SECRET, NAMESPACE)
"""Types that hold data and may outlive their stack."""

_NAME_LOGS = (FUNCTION, ROLE, SECURITY)
"""Types that log groups are named after."""

CRAWLER_LOGS = "/aws-glue/crawlers"
JOB_LOGS = ("/aws-glue/jobs/output", "/aws-glue/jobs/error", "/aws-glue/jobs/logs-v2")
"""Groups that all crawlers and jobs of an account share which have no security configuration; a stream is named by its
crawler, or begins with a run's id. https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html"""

_ENCRYPTED_JOB_LOGS, _ENCRYPTED_CRAWLER_LOGS = "/aws-glue/jobs-", "/aws-glue/crawlers-role/"
"""With a security configuration the groups are of a role alone: `…jobs-<role>-<configuration>/…`, and
`…crawlers-role/<role>-<configuration>`. https://docs.aws.amazon.com/glue/latest/dg/console-security-configurations.html"""

GONE = frozenset({"404", "NoSuchBucket", "NotFound", "ResourceNotFoundException", "NotFoundException"})
_WAITS_FOR_DELETION = frozenset({"PendingDeletion", "PendingReplicaDeletion"})

Client = Callable[[str], Any]
"""A client of a service by its name."""


@dataclass(frozen=True)
class Resource:
    """A resource of a stack."""

    logical_id: str
    type: str
    physical_id: str


@dataclass(frozen=True)
class Kept:
    """Something that holds data and outlives its stack, or was never in it."""

    type: str
    name: str
    """Its physical id: a bucket's or table's name, a key's id."""
    things: int
    """Versions and delete markers in a bucket, items in a table; else 1."""
    size_bytes: int


@dataclass(frozen=True)
class LogStream:
    """A stream in a log group that is not ours alone."""

    group: str
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Remains:
    """All that is there of a deployment."""

    stack: str
    stack_id: str | None
    """None: the stack itself is gone."""
    resources: tuple[Resource, ...]
    """Of the stack, while it is there."""
    kept: tuple[Kept, ...]
    log_groups: tuple[Kept, ...]
    """Of the functions; those that the stack declares go with it, and come back if a function writes late."""
    log_streams: tuple[LogStream, ...]
    foreign: tuple[str, ...]
    """Buckets of our name that no deployment has made: they stay."""

    @property
    def nothing(self) -> bool:
        return not (self.stack_id or self.kept or self.log_groups or self.log_streams)


def find_remains(client: Client, prefix: str, account: str) -> Remains:
    """Look for everything that deployments of `prefix` have made in this account and region."""
    cloudformation = client("cloudformation")
    live = describe(cloudformation, prefix)
    resources = _resources(cloudformation, prefix) if live else ()
    known = resources
    if not live or live["StackStatus"] == "DELETE_FAILED":  # then it does not list what it has let go of
        stack_ids = [live["StackId"]] if live else _deleted(cloudformation, prefix)
        known = tuple(dict.fromkeys((*resources, *_left_behind(cloudformation, stack_ids))))
    bucket = artifacts_bucket(prefix, account)
    ours = made_here(client("s3"), bucket)
    places = [one for one in known if one.type in DATA]
    if ours:
        places.append(Resource("", BUCKET, bucket))
    return Remains(
        stack=prefix,
        stack_id=live["StackId"] if live else None,
        resources=resources,
        kept=tuple(found for one in places if (found := measure(client, one.type, one.physical_id))),
        log_groups=tuple(_log_groups(client("logs"), prefix, known)),
        log_streams=tuple(_log_streams(client, resources)),
        foreign=(bucket,) if ours is False else (),
    )


def measure(client: Client, kind: str, name: str) -> Kept | None:
    """How much a thing that holds data holds; None: it is not there, or waits for its deletion already."""
    try:
        if kind == TABLE:
            table = client("dynamodb").describe_table(TableName=name)["Table"]
            return Kept(TABLE, name, table.get("ItemCount", 0), table.get("TableSizeBytes", 0))
        if kind == KEY:
            state = client("kms").describe_key(KeyId=name)["KeyMetadata"]["KeyState"]
            return None if state in _WAITS_FOR_DELETION else Kept(KEY, name, 1, 0)
        if kind == NAMESPACE:
            client("redshift-serverless").get_namespace(namespaceName=name)
            return Kept(NAMESPACE, name, 1, 0)
        if kind == SECRET:
            secret = client("secretsmanager").describe_secret(SecretId=name)
            return None if "DeletedDate" in secret else Kept(SECRET, name, 1, 0)
        things = size_bytes = 0
        for version in versions(client("s3"), name):
            things, size_bytes = things + 1, size_bytes + version.get("Size", 0)
        return Kept(BUCKET, name, things, size_bytes)
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return None
        raise


def versions(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    """Every version and delete marker of a bucket's objects: Key, VersionId and, of a version, Size."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield from page.get("Versions", [])
        yield from page.get("DeleteMarkers", [])


def _resources(cloudformation: Any, stack: str) -> tuple[Resource, ...]:
    return tuple(
        Resource(one["LogicalResourceId"], one["ResourceType"], one.get("PhysicalResourceId", ""))
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"] != "DELETE_COMPLETE"
    )


def _deleted(cloudformation: Any, stack: str) -> Iterator[str]:
    """The ids of deleted stacks of this name."""
    for page in cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
        yield from (one["StackId"] for one in page["StackSummaries"] if one["StackName"] == stack)


def _left_behind(cloudformation: Any, stack_ids: Iterable[str]) -> Iterator[Resource]:
    """What these stacks kept, and what log groups that may have come back are named after."""
    for stack_id in stack_ids:
        for event in events(cloudformation, stack_id):
            if event.physical_id and (event.status == "DELETE_SKIPPED" or event.type in _NAME_LOGS):
                yield Resource(event.logical_id, event.type, event.physical_id)


def _log_groups(logs: Any, stack: str, resources: Sequence[Resource]) -> Iterator[Kept]:
    """Groups that Lambda and Glue make by themselves for these resources."""
    named = {kind: [one.physical_id for one in resources if one.type == kind] for kind in _NAME_LOGS}
    whose = [f"{role}-{security}" for role in named[ROLE] for security in named[SECURITY]]
    wanted = {f"/aws/lambda/{function}" for function in named[FUNCTION]}
    wanted |= {f"{_ENCRYPTED_CRAWLER_LOGS}{one}" for one in whose}
    folders = tuple(f"{_ENCRYPTED_JOB_LOGS}{one}/" for one in whose)
    for begin in ("/aws/lambda/", _ENCRYPTED_JOB_LOGS, _ENCRYPTED_CRAWLER_LOGS):
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{begin}{stack}-"):
            for group in page["logGroups"]:
                name = group["logGroupName"]
                if name in wanted or (folders and name.startswith(folders)):
                    yield Kept("AWS::Logs::LogGroup", name, 1, group.get("storedBytes", 0))


def _log_streams(client: Client, resources: Sequence[Resource]) -> Iterator[LogStream]:
    logs = client("logs")
    for crawler in (one for one in resources if one.type == CRAWLER):
        yield from _streams(logs, CRAWLER_LOGS, crawler.physical_id, exactly=True)
    for job in (one for one in resources if one.type == JOB):
        for page in client("glue").get_paginator("get_job_runs").paginate(JobName=job.physical_id):
            for run in page["JobRuns"]:
                for group in JOB_LOGS:
                    yield from _streams(logs, group, run["Id"], exactly=False)


def _streams(logs: Any, group: str, name: str, exactly: bool) -> Iterator[LogStream]:
    try:
        for page in logs.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix=name):
            for stream in page["logStreams"]:
                if not exactly or stream["logStreamName"] == name:
                    yield LogStream(group, stream["logStreamName"], stream.get("storedBytes", 0))
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
