"""What AWS asks besides the one question that the emulator asks of a request.

*ministack*: a request about a Glue table is judged by its database alone, one about a log stream by its group; a
customer's key is used without asking.
*AWS*: Glue asks for the catalog, the database and the table; logs for the stream; S3, DynamoDB, SQS and SNS use the key
with the caller's permissions.
*Here*: as on AWS, for what goes by key: reads, writes, messages. The creation of encrypted resources is not asked.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, kms, s3, sns, sqs

_OF_TABLES = re.compile(r"(?:Batch)?(?:Get|Create|Update|Delete)(?:Table|Partition|Partitions)")
"""GetTables asks for the database and shows the tables that the caller may see: here it shows all of them.
https://docs.aws.amazon.com/glue/latest/dg/security_iam_id-based-policy-examples.html"""
_OF_GROUPS = frozenset(
    {
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogStream",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "PutLogEvents",
    }
)
"""Asked for `log-group:<name>:log-stream:<stream>`, with an empty stream where the request names none: so policies end
in `:*`. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html"""
_READS, _WRITES = ("kms:Decrypt",), ("kms:GenerateDataKey",)
_KEY_USES = {
    "s3:GetObject": _READS,
    "s3:GetObjectVersion": _READS,
    "s3:PutObject": _WRITES,
    "sqs:SendMessage": (*_READS, *_WRITES),
    "sqs:ReceiveMessage": _READS,
    "sns:Publish": (*_READS, *_WRITES),
    **{
        f"dynamodb:{name}": _READS
        for name in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan")
    },
}


@dataclass(frozen=True)
class Question:
    """A further permission that a request needs."""

    action: str
    resource: str
    keys: tuple[tuple[str, str], ...] = ()
    """Condition keys of it alone."""


def install() -> None:
    """Hook into what ministack asks policies for, once, after the other hooks."""
    arn_of, enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
    ) -> str:
        found = str(arn_of(service, method, path, headers, body, params, region, account))
        return _narrowed(service, headers.get("x-amz-target", "").rpartition(".")[2], found, body)

    def enforce_all(
        access_key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None
    ) -> Any:
        multipart = _multipart()  # before the signature is checked, which forgets the request
        denied = enforce(access_key, action, service, region, resource_arn, service_context)
        for one in () if denied else also_asked(action, resource_arn, multipart):
            namespace, context = one.action.partition(":")[0], {**(service_context or {}), **dict(one.keys)}
            denied = denied or enforce(access_key, one.action, namespace, region, one.resource, context)
            if isinstance(denied, iam_evaluator.EvalResult) and one.action != action:
                return iam_evaluator.AuthError("AccessDenied", _message(denied, one))
        return denied

    iam_actions.extract_resource_arn = extract_resource_arn
    iam_evaluator.enforce = enforce_all


def also_asked(action: str, resource: str, multipart: bool = False) -> Iterator[Question]:
    """What a request for an action on a resource needs beyond that. Within a request's context.

    Args:
        multipart: the object is put in parts, which are decrypted before they are put together.
    """
    if action.startswith("glue:") and ":table/" in resource:
        catalog, _, table = resource.partition(":table/")
        yield Question(action, f"{catalog}:database/{table.partition('/')[0]}")
        yield Question(action, f"{catalog}:catalog")
    elif action.startswith("glue:") and ":database/" in resource:
        yield Question(action, f"{resource.partition(':database/')[0]}:catalog")
    uses = _KEY_USES.get(action, ())
    key = key_of(resource) if uses else None
    if key:
        keys = (
            ("kms:ViaService", f"{action.partition(':')[0]}.{get_region()}.amazonaws.com"),
            ("kms:CallerAccount", get_account_id()),
        )
        for use in (*uses, *(_READS if multipart and action == "s3:PutObject" else ())):
            yield Question(use, key, keys)


def key_of(resource: str) -> str | None:
    """ARN of the customer's key that a bucket, table, queue or topic, or something in it, is encrypted with."""
    service, name = resource.split(":")[2] if resource.startswith("arn:") else "", resource.split(":", 5)[-1]
    found: Any = None
    if service == "s3":
        found = s3._bucket_default_sse_headers(name.partition("/")[0]).get(_S3_KEY)
    elif service == "dynamodb":
        table = dynamodb._tables.get(name.removeprefix("table/").partition("/")[0]) or {}
        found = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
    elif service == "sqs":
        found = _attribute(sqs._queues.get(sqs._queue_url(name)))
    elif service == "sns":
        found = _attribute(sns._topics.get(resource))
    key = kms._resolve_key(found) if found else None
    return str(key["Arn"]) if key else None


_S3_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def _attribute(record: Any) -> Any:
    return (record or {}).get("attributes", {}).get("KmsMasterKeyId")


def _narrowed(service: str, action: str, found: str, body: bytes) -> str:
    """The table or log stream that a request is about, where ministack says only what it is part of."""
    if service == "logs" and action in _OF_GROUPS and ":log-group:" in found:
        return f"{found}:log-stream:{iam_actions._safe_json_field(body, 'logStreamName')}"
    if service == "glue" and ":database/" in found and _OF_TABLES.fullmatch(action):
        return f"{found.replace(':database/', ':table/')}/{_table(body)}"
    return found


def _table(body: bytes) -> str:
    """Name of the table that a request is about. A body that is no request has none: the service says so itself."""
    try:
        request = json.loads(body)
        return str(request.get("TableName") or request.get("Name") or request["TableInput"]["Name"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _multipart() -> bool:
    request = iam_evaluator._signed_request.get()
    return request is not None and bool({"uploads", "uploadId"} & set(request.query_params))


def _message(denied: Any, asked: Question) -> str:
    explicit = denied.decision == "Deny"
    return str(iam_actions.identity_denial_message(asked.action, denied.principal_arn, asked.resource, explicit))
