"""Calls about what is not the caller's: others' things of every kind, and parts of the lake that are others' work.

An attempt is one request that must be refused for want of a permission. Which there are follows from what a role is for
(`REACH`) and from what it is granted: each action that it may do somewhere is tried elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.parts.roles import Role

ELSE = "somebody-elses"
"""Begins the name of everything that is no part of the lake."""
LAYERS = {
    "bronze": "bronze/{pipeline}/probe/2026/probe.csv",
    "data": "silver/{pipeline}/probe/data/probe.parquet",
    "log": "silver/{pipeline}/probe/_delta_log/probe.json",
    "quarantine": "quarantine/{pipeline}/probe/probe/probe.json",
    "gold": "gold/{pipeline}/probe/run=probe/probe/probe.parquet",
    "exports": "exports/{pipeline}/probe/run=probe/probe/probe.csv",
    "warehouse": "warehouse/{pipeline}/probe/probe.csv",
}
"""Part of the lake → a key in it."""


@dataclass(frozen=True)
class Reach:
    """The layers that the roles of a document work with."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()


def reach(reads: str = "", writes: str = "", deletes: str = "") -> Reach:
    return Reach(frozenset(reads.split()), frozenset(writes.split()), frozenset(deletes.split()))


REACH: Mapping[str, Reach] = {
    "gate": reach("bronze data", "data quarantine"),
    "commit": reach("log", "log"),
    "gold": reach("data log", "gold exports"),
    "derive": reach("data log", "gold exports"),
    "publish": reach(),
    "failed": reach(),
    "sweep": reach(),
    "crawl": reach(),
    "crawled": reach(),
    "compact": reach("data log", "data log"),
    "load": reach("", "warehouse"),
    "tidy": reach("", "", "gold exports"),
    "generate": reach("", "bronze"),
    "workflow": reach("data log gold"),
    "glue-gold": reach("data log gold exports", "gold exports", "gold exports"),
    "crawler-bronze": reach("bronze"),
    "crawler-silver": reach("data log"),
    "crawler-gold": reach("gold"),
    "warehouse": reach("gold warehouse"),
    "operator": reach("bronze data log quarantine gold exports", "bronze"),
    "eraser": reach(" ".join(LAYERS), "bronze"),
    "deployer": reach("", "", " ".join(LAYERS)),
}
"""Document → what its roles may touch at all: written here once more, to be compared with what is granted."""


@dataclass(frozen=True)
class Attempt:
    """One request, by boto3's names."""

    action: str
    resource: str
    """What it is about, for people."""
    service: str
    method: str
    arguments: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Place:
    """Where the attempts are made."""

    bucket: str
    prefix: str
    account: str
    region: str
    ledger: str
    gold_database: str
    foreign_key: str
    """ARN of a key that is not the lake's."""
    ciphertext: bytes
    """Something encrypted with it."""
    pipelines: tuple[str, ...]
    gold_tables: Mapping[str, str]
    """Pipeline → one of its gold tables."""

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


def attempts(role: Role, granted: frozenset[str], place: Place) -> Iterator[Attempt]:
    """All that a role must not get through with."""
    yield from _layers(role, place)
    for attempt in (*_elsewhere(place), *_neighbours(role, place)):
        wanted = attempt.action in granted or attempt.action in ALWAYS
        if wanted and (role.document, attempt.action) not in NOT_TO_BE_NAMED:
            yield attempt


NOT_TO_BE_NAMED = {("load", "redshift-data:BatchExecuteStatement")}
"""A workgroup's ARN ends in an id that AWS makes up: the document says `workgroup/*`, and the database decides."""
ALWAYS = frozenset(
    {
        "dynamodb:DeleteTable",
        "iam:PutRolePolicy",
        "kms:ScheduleKeyDeletion",
        "s3:DeleteBucket",
        "s3:PutBucketPolicy",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
        "sts:AssumeRole",
    }
)
"""Tried by every role, granted or not."""


def _layers(role: Role, place: Place) -> Iterator[Attempt]:
    """The layers that its work is not in; of a role for one pipeline, all layers of another."""
    allowed = REACH[role.document]
    other = next((name for name in place.pipelines if name not in role.pipelines), None)
    for pipeline in dict.fromkeys((role.pipelines[0] if role.pipelines else place.pipelines[0], other)):
        for layer, pattern in LAYERS.items() if pipeline else ():
            mine = pipeline in role.pipelines or len(role.pipelines) != 1
            where = {"Bucket": place.bucket, "Key": pattern.format(pipeline=pipeline)}
            if not (mine and layer in allowed.reads):
                yield _attempt("s3:GetObject", where["Key"], "s3", "get_object", where)
            if not (mine and layer in allowed.writes):
                yield _attempt("s3:PutObject", where["Key"], "s3", "put_object", {**where, "Body": b"x"})
            if not (mine and layer in allowed.deletes):
                yield _attempt("s3:DeleteObject", where["Key"], "s3", "delete_object", where)


def _elsewhere(place: Place) -> Iterator[Attempt]:
    """Things that are no part of the lake, of every kind."""
    bucket = {"Bucket": f"{ELSE}-bucket"}
    item = {"TableName": f"{ELSE}-table", "Key": {"pk": {"S": "x"}, "sk": {"S": "x"}}}
    url = f"http://localhost/{place.account}/{ELSE}-queue"
    table = {"DatabaseName": ELSE, "TableName": "probe"}
    parts = {**table, "PartitionValues": ["x"]}
    machine, execution = (place.arn("states", f"{kind}:{ELSE}") for kind in ("stateMachine", "execution"))
    group = {"logGroupName": f"/{ELSE}/group"}
    query = {"QueryString": "select 1", "WorkGroup": ELSE}
    statement = {"WorkgroupName": ELSE, "Database": "probe", "Sqls": ["select 1"]}
    foreign: list[tuple[str, str, str, dict[str, Any]]] = [
        ("s3:GetObject", "s3", "get_object", {**bucket, "Key": "gold/probe"}),
        ("s3:GetObjectVersion", "s3", "get_object", {**bucket, "Key": "bronze/probe", "VersionId": "1"}),
        ("s3:PutObject", "s3", "put_object", {**bucket, "Key": "bronze/probe", "Body": b"x"}),
        ("s3:DeleteObject", "s3", "delete_object", {**bucket, "Key": "gold/probe"}),
        ("s3:DeleteObjectVersion", "s3", "delete_object", {**bucket, "Key": "gold/probe", "VersionId": "1"}),
        ("s3:ListBucket", "s3", "list_objects_v2", {**bucket, "Prefix": "gold/"}),
        ("s3:ListBucketVersions", "s3", "list_object_versions", {**bucket, "Prefix": "bronze/"}),
        ("s3:GetBucketLocation", "s3", "get_bucket_location", bucket),
        ("s3:AbortMultipartUpload", "s3", "abort_multipart_upload", {**bucket, "Key": "gold/x", "UploadId": "x"}),
        ("s3:ListMultipartUploadParts", "s3", "list_parts", {**bucket, "Key": "gold/x", "UploadId": "x"}),
        ("s3:DeleteBucket", "s3", "delete_bucket", bucket),
        ("s3:PutBucketPolicy", "s3", "put_bucket_policy", {**bucket, "Policy": "{}"}),
        ("s3:PutObjectTagging", "s3", "put_object_tagging", {**bucket, "Key": "x", "Tagging": {"TagSet": []}}),
        ("dynamodb:GetItem", "dynamodb", "get_item", item),
        ("dynamodb:BatchGetItem", "dynamodb", "batch_get_item",
         {"RequestItems": {f"{ELSE}-table": {"Keys": [item["Key"]]}}}),
        ("dynamodb:PutItem", "dynamodb", "put_item", {"TableName": f"{ELSE}-table", "Item": item["Key"]}),
        ("dynamodb:UpdateItem", "dynamodb", "update_item", item),
        ("dynamodb:DeleteItem", "dynamodb", "delete_item", item),
        ("dynamodb:Scan", "dynamodb", "scan", {"TableName": f"{ELSE}-table"}),
        ("dynamodb:Query", "dynamodb", "query",
         {"TableName": f"{ELSE}-table", "KeyConditionExpression": "pk = :x",
          "ExpressionAttributeValues": {":x": {"S": "x"}}}),
        ("dynamodb:DeleteTable", "dynamodb", "delete_table", {"TableName": f"{ELSE}-table"}),
        ("sqs:SendMessage", "sqs", "send_message", {"QueueUrl": url, "MessageBody": "x"}),
        ("sqs:ReceiveMessage", "sqs", "receive_message", {"QueueUrl": url}),
        ("sqs:DeleteMessage", "sqs", "delete_message", {"QueueUrl": url, "ReceiptHandle": "x"}),
        ("sqs:ChangeMessageVisibility", "sqs", "change_message_visibility",
         {"QueueUrl": url, "ReceiptHandle": "x", "VisibilityTimeout": 0}),
        ("sqs:GetQueueAttributes", "sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["All"]}),
        ("sqs:GetQueueUrl", "sqs", "get_queue_url", {"QueueName": f"{ELSE}-queue"}),
        ("sns:Publish", "sns", "publish", {"TopicArn": place.arn("sns", f"{ELSE}-topic"), "Message": "x"}),
        ("kms:Decrypt", "kms", "decrypt", {"CiphertextBlob": place.ciphertext}),
        ("kms:GenerateDataKey", "kms", "generate_data_key", {"KeyId": place.foreign_key, "KeySpec": "AES_256"}),
        ("kms:ScheduleKeyDeletion", "kms", "schedule_key_deletion", {"KeyId": place.foreign_key}),
        ("lambda:InvokeFunction", "lambda", "invoke", {"FunctionName": f"{ELSE}-function", "Payload": b"{}"}),
        ("states:StartExecution", "stepfunctions", "start_execution", {"stateMachineArn": machine, "input": "{}"}),
        ("states:DescribeExecution", "stepfunctions", "describe_execution", {"executionArn": f"{execution}:x"}),
        ("states:GetExecutionHistory", "stepfunctions", "get_execution_history", {"executionArn": f"{execution}:x"}),
        ("states:ListExecutions", "stepfunctions", "list_executions", {"stateMachineArn": machine}),
        ("states:DescribeStateMachine", "stepfunctions", "describe_state_machine", {"stateMachineArn": machine}),
        ("glue:StartJobRun", "glue", "start_job_run", {"JobName": f"{ELSE}-job"}),
        ("glue:GetJobRun", "glue", "get_job_run", {"JobName": f"{ELSE}-job", "RunId": "x"}),
        ("glue:GetJobRuns", "glue", "get_job_runs", {"JobName": f"{ELSE}-job"}),
        ("glue:BatchStopJobRun", "glue", "batch_stop_job_run", {"JobName": f"{ELSE}-job", "JobRunIds": ["x"]}),
        ("glue:StartCrawler", "glue", "start_crawler", {"Name": f"{ELSE}-crawler"}),
        ("glue:GetCrawler", "glue", "get_crawler", {"Name": f"{ELSE}-crawler"}),
        ("glue:GetDatabase", "glue", "get_database", {"Name": ELSE}),
        ("glue:GetTable", "glue", "get_table", {"DatabaseName": ELSE, "Name": "probe"}),
        ("glue:GetTables", "glue", "get_tables", {"DatabaseName": ELSE}),
        ("glue:CreateTable", "glue", "create_table", {"DatabaseName": ELSE, "TableInput": {"Name": "probe"}}),
        ("glue:UpdateTable", "glue", "update_table", {"DatabaseName": ELSE, "TableInput": {"Name": "probe"}}),
        ("glue:DeleteTable", "glue", "delete_table", {"DatabaseName": ELSE, "Name": "probe"}),
        ("glue:GetPartition", "glue", "get_partition", parts),
        ("glue:GetPartitions", "glue", "get_partitions", table),
        ("glue:BatchGetPartition", "glue", "batch_get_partition", {**table, "PartitionsToGet": [{"Values": ["x"]}]}),
        ("glue:CreatePartition", "glue", "create_partition", {**table, "PartitionInput": {"Values": ["x"]}}),
        ("glue:BatchCreatePartition", "glue", "batch_create_partition",
         {**table, "PartitionInputList": [{"Values": ["x"]}]}),
        ("glue:DeletePartition", "glue", "delete_partition", parts),
        ("athena:StartQueryExecution", "athena", "start_query_execution", query),
        ("athena:GetWorkGroup", "athena", "get_work_group", {"WorkGroup": ELSE}),
        ("athena:ListNamedQueries", "athena", "list_named_queries", {"WorkGroup": ELSE}),
        ("events:PutEvents", "events", "put_events",
         {"Entries": [{"Source": ELSE, "DetailType": "x", "Detail": "{}", "EventBusName": ELSE}]}),
        ("logs:CreateLogStream", "logs", "create_log_stream", {**group, "logStreamName": "x"}),
        ("logs:PutLogEvents", "logs", "put_log_events",
         {**group, "logStreamName": "x", "logEvents": [{"timestamp": 0, "message": "x"}]}),
        ("logs:FilterLogEvents", "logs", "filter_log_events", group),
        ("logs:GetLogEvents", "logs", "get_log_events", {**group, "logStreamName": "x"}),
        ("logs:DeleteLogStream", "logs", "delete_log_stream", {**group, "logStreamName": "x"}),
        ("logs:CreateLogGroup", "logs", "create_log_group", group),
        ("logs:DeleteLogGroup", "logs", "delete_log_group", group),
        ("redshift-data:BatchExecuteStatement", "redshift-data", "batch_execute_statement", statement),
        ("secretsmanager:GetSecretValue", "secretsmanager", "get_secret_value",
         {"SecretId": place.arn("secretsmanager", f"secret:{ELSE}-secret")}),
        ("cloudformation:DescribeStacks", "cloudformation", "describe_stacks", {"StackName": ELSE}),
        ("cloudformation:DeleteStack", "cloudformation", "delete_stack", {"StackName": ELSE}),
        ("iam:PutRolePolicy", "iam", "put_role_policy", {"RoleName": ELSE, "PolicyName": "x", "PolicyDocument": "{}"}),
        ("iam:DeleteRole", "iam", "delete_role", {"RoleName": ELSE}),
        ("sts:AssumeRole", "sts", "assume_role",
         {"RoleArn": f"arn:aws:iam::{place.account}:role/{ELSE}", "RoleSessionName": "probe"}),
    ]  # fmt: skip
    for action, service, method, arguments in foreign:
        yield _attempt(action, f"{ELSE} ({action.partition(':')[0]})", service, method, arguments)


def _neighbours(role: Role, place: Place) -> Iterator[Attempt]:
    """Of a role for one pipeline: what belongs to another pipeline."""
    if len(role.pipelines) != 1:
        return
    for other in (name for name in place.pipelines if name not in role.pipelines):
        machine = place.arn("states", f"stateMachine:{place.prefix}-{other}")
        job = {"JobName": f"{place.prefix}-{other}-gold"}
        table = {"DatabaseName": place.gold_database, "Name": place.gold_tables[other]}
        theirs: list[tuple[str, str, str, dict[str, Any]]] = [
            ("states:StartExecution", "stepfunctions", "start_execution", {"stateMachineArn": machine, "input": "{}"}),
            ("glue:StartJobRun", "glue", "start_job_run", job),
            ("glue:GetJobRun", "glue", "get_job_run", {**job, "RunId": "x"}),
            ("glue:BatchStopJobRun", "glue", "batch_stop_job_run", {**job, "JobRunIds": ["x"]}),
            ("glue:GetTable", "glue", "get_table", table),
            ("lambda:InvokeFunction", "lambda", "invoke",
             {"FunctionName": f"{place.prefix}-{other}-generate", "Payload": b"{}"}),
        ]  # fmt: skip
        for action, service, method, arguments in theirs:
            yield _attempt(action, other, service, method, arguments)


def _attempt(action: str, resource: str, service: str, method: str, arguments: Mapping[str, Any]) -> Attempt:
    return Attempt(action, resource, service, method, tuple(arguments.items()))
