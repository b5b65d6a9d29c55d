"""Breaks parts of a deployed lake for real, and puts them back."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lake import Lake

BROKEN = "broken on purpose"
_BROKEN_HANDLER = """\
from {kind}_as_it_was import handler as as_it_was


def handler(event, context):
    if {condition}:
        raise RuntimeError("{message}")
    return as_it_was(event, context)
"""


@contextmanager
def function(lake: Lake, kind: str, who: str = "", condition: str = "True") -> Iterator[None]:
    """Its code raises, where a condition on `event` holds. `who`: the function's name, unless it is the handler's."""
    client, name = lake.client("lambda"), lake.named(who or kind)
    parameters = _parameters(lake)
    where = {"S3Bucket": parameters["ArtifactsBucket"], "S3Key": parameters["FunctionsKey"]}
    body = lake.client("s3").get_object(Bucket=where["S3Bucket"], Key=where["S3Key"])["Body"].read()
    client.update_function_code(FunctionName=name, ZipFile=_broken_zip(body, kind, condition))
    try:
        yield
    finally:
        client.update_function_code(FunctionName=name, **where)


@contextmanager
def grant(lake: Lake, who: str, action: str) -> Iterator[None]:
    """A role may no longer do something."""
    iam, role = lake.client("iam"), lake.named(who)
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="broken")


@contextmanager
def job(lake: Lake, name: str) -> Iterator[None]:
    """A Glue job's script raises."""
    glue, bucket = lake.client("glue"), _parameters(lake)["ArtifactsBucket"]
    found = glue.get_job(JobName=lake.named(name))["Job"]
    key = found["Command"]["ScriptLocation"].removeprefix(f"s3://{bucket}/").rsplit("/", 1)[0] + "/broken.py"
    lake.client("s3").put_object(Bucket=bucket, Key=key, Body=f"raise RuntimeError({BROKEN!r})".encode())
    kept = {part: value for part, value in found.items() if part in _OF_A_JOB}
    broken = {**kept, "Command": {**found["Command"], "ScriptLocation": f"s3://{bucket}/{key}"}}
    glue.update_job(JobName=lake.named(name), JobUpdate=broken)
    try:
        yield
    finally:
        glue.update_job(JobName=lake.named(name), JobUpdate=kept)


@contextmanager
def patience(lake: Lake, pipeline: str, state: str, seconds: int) -> Iterator[None]:
    """A state of a workflow waits only so long."""
    states, arn = lake.client("stepfunctions"), lake.settings.state_machine_arn_prefix + pipeline
    text = states.describe_state_machine(stateMachineArn=arn)["definition"]
    definition = json.loads(text)
    definition["States"][state]["TimeoutSeconds"] = seconds
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    try:
        yield
    finally:
        states.update_state_machine(stateMachineArn=arn, definition=text)


@contextmanager
def queue_patience(lake: Lake, who: str, seconds: int) -> Iterator[None]:
    """A message that was not handled comes back after so long."""
    sqs = lake.client("sqs")
    url = sqs.get_queue_url(QueueName=lake.named(who))["QueueUrl"]
    known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=known)


def hurry(lake: Lake, pipeline: str) -> None:
    """Let a pipeline's workflow try again once, after a second. Only in this deployed stack."""
    states, arn = lake.client("stepfunctions"), lake.settings.state_machine_arn_prefix + pipeline
    definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    for state in definition["States"].values():
        for retrier in state.get("Retry", []):
            retrier.update(MaxAttempts=min(1, retrier.get("MaxAttempts", 1)))
            if retrier["MaxAttempts"]:
                retrier.update(IntervalSeconds=1, BackoffRate=1)
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))


_OF_A_JOB = {
    "Role",
    "Command",
    "DefaultArguments",
    "GlueVersion",
    "WorkerType",
    "NumberOfWorkers",
    "ExecutionProperty",
    "Timeout",
    "MaxRetries",
}


def _parameters(lake: Lake) -> dict[str, str]:
    (stack,) = lake.client("cloudformation").describe_stacks(StackName=lake.config.prefix)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def _broken_zip(body: bytes, kind: str, condition: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as source, zipfile.ZipFile(made, "w") as broken:
        for entry in source.infolist():
            name = f"{kind}_as_it_was.py" if entry.filename == f"{kind}.py" else entry.filename
            broken.writestr(name, source.read(entry), zipfile.ZIP_STORED)
        text = _BROKEN_HANDLER.format(kind=kind, condition=condition, message=BROKEN)
        broken.writestr(f"{kind}.py", text)
    return made.getvalue()
