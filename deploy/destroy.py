"""Removes what a deployment has made, and nothing else. Every step may be repeated: what is gone is passed over.

The order is the one in which nothing comes back: log streams while their jobs are still known, then the stack, with
which all that writes goes, then what the stack keeps for safety's sake (the lake's bucket, the ledger, the key), then
the artifacts and the logs that functions wrote at their end.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from deploy.remains import (
    BUCKET,
    GONE,
    KEY,
    NAMESPACE,
    SECRET,
    TABLE,
    Client,
    Remains,
    find_remains,
    measure,
    versions,
)
from deploy.stack_events import DeployError, Tell, delete_stack, describe

KEY_WAITS_DAYS = 30
"""Until a key's end it can be taken back: `aws kms cancel-key-deletion`. It costs nothing meanwhile.
https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"""

_AT_ONCE = 1000
"""Objects of one request. https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

_NAMESPACE_SECONDS, _LOOK_SECONDS = 1800.0, 5.0

Say = Callable[[str], None]


def destroy(
    client: Client, remains: Remains, account: str, *, say: Say = lambda _: None, tell: Tell = lambda _: None
) -> Remains:
    """Remove all of it; `say` hears of each step, `tell` of each event of the stack. Returns what is left.

    Raises:
        DeployError: the stack cannot be deleted; names the resources and AWS's reasons. Nothing that holds data has
            been touched then.
    """
    for stream in remains.log_streams:
        say(f"log stream {stream.group} {stream.name}")
        _unless_gone(client("logs").delete_log_stream, logGroupName=stream.group, logStreamName=stream.name)
    if remains.stack_id:
        say(f"stack {remains.stack}")
        _delete_stack(client("cloudformation"), remains, tell)
    for one in remains.kept:
        say(f"{one.type} {one.name}")
        REMOVERS[one.type](client, one.name)
    for group in remains.log_groups:
        _unless_gone(client("logs").delete_log_group, logGroupName=group.name)
    return find_remains(client, remains.stack, account)


def empty_bucket(s3: Any, bucket: str) -> None:
    """Remove every version, delete marker and unfinished upload."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            _unless_gone(s3.abort_multipart_upload, Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    while batch := list(islice(_identities(s3, bucket), _AT_ONCE)):
        failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True}).get("Errors", [])
        if failed:
            raise DeployError(f"S3 does not delete s3://{bucket}/{failed[0]['Key']}: {failed[0].get('Message')}")


def _identities(s3: Any, bucket: str) -> Iterator[dict[str, str]]:
    return ({"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions(s3, bucket))


def _delete_stack(cloudformation: Any, remains: Remains, tell: Tell) -> None:
    assert remains.stack_id
    told = delete_stack(cloudformation, remains.stack_id, tell)
    left = describe(cloudformation, remains.stack_id)
    if left:
        failed = [f"- {event.logical_id} ({event.type}): {event.reason}" for event in told if event.failed]
        raise DeployError(f"Stack '{remains.stack}' ended as {left['StackStatus']}:\n" + "\n".join(failed))


def _remove_bucket(client: Client, name: str) -> None:
    s3 = client("s3")
    try:
        empty_bucket(s3, name)
        s3.delete_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise


def _remove_table(client: Client, name: str) -> None:
    dynamodb = client("dynamodb")
    _unless_gone(dynamodb.delete_table, TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name)


def _remove_key(client: Client, name: str) -> None:
    client("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=KEY_WAITS_DAYS)


def _remove_secret(client: Client, name: str) -> None:
    """At once: a secret that waits for its deletion keeps its name from the next deployment."""
    _unless_gone(client("secretsmanager").delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)


def _remove_namespace(client: Client, name: str) -> None:
    """The warehouse's database; its workgroup went with the stack. Without a final snapshot."""
    redshift = client("redshift-serverless")
    _unless_gone(redshift.delete_namespace, namespaceName=name)
    deadline = time.monotonic() + _NAMESPACE_SECONDS
    while measure(client, NAMESPACE, name):
        if time.monotonic() > deadline:
            raise DeployError(f"Redshift has not deleted namespace '{name}' within {_NAMESPACE_SECONDS:.0f} seconds")
        time.sleep(_LOOK_SECONDS)


REMOVERS: dict[str, Callable[[Client, str], None]] = {
    BUCKET: _remove_bucket,
    TABLE: _remove_table,
    KEY: _remove_key,
    SECRET: _remove_secret,
    NAMESPACE: _remove_namespace,
}
"""How each type of resource that outlives its stack is removed."""


def _unless_gone(call: Callable[..., Any], **arguments: Any) -> None:
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE | {"NoSuchUpload"}:
            raise
