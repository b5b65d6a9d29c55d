"""Deployment: artifacts to their bucket, then one CloudFormation stack, created or updated, the same way everywhere."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from deploy.artifacts import Artifact, Artifacts, build_artifacts
from deploy.bucket import artifacts_bucket, ensure_bucket, upload
from deploy.config import PIPELINES_DIR, Config
from deploy.template import build_template
from lakehouse.contract.load import pipelines as load_pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.errors import LakeError
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.publish import restore_pointers
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

LIMIT_INLINE_BYTES = 51_200
"""Of a template in a request. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_NO_UPDATES = "No updates are to be performed"
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_LIMIT_SECONDS = 3600.0
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.05, 5.0


class DeployError(LakeError):
    """The stack could not be brought to what the template says. Lists the resources that failed and why."""


def deploy_stack(
    session: boto3.Session,
    config: Config,
    *,
    pipelines_dir: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    endpoint_url: str | None = None,
) -> dict[str, str]:
    """Bring the stack `<prefix>` to what the checkout says and return its outputs.

    `pipelines_dir` takes the place of `pipelines/`; `parameters` are further template parameters (`GateLayers`, …);
    `endpoint_url` is for a session whose environment does not name it. Deploying the same again changes nothing. An
    update that touches a gold table resets its location to the template's: the pointers are put back afterwards.

    Raises:
        DeployError: the stack failed; names each failed resource with AWS's reason.
        ContractError, ConfigError: what is to be deployed is wrong; nothing was touched.
    """
    region = session.region_name or config.region

    def client(service: str) -> Any:
        return session.client(service, region_name=region, endpoint_url=endpoint_url)  # type: ignore[call-overload]

    template = build_template(config, pipelines_dir)
    artifacts = build_artifacts(pipelines_dir)
    bucket = artifacts_bucket(config.prefix, client("sts").get_caller_identity()["Account"])
    s3 = client("s3")
    ensure_bucket(s3, bucket, region)
    body = Artifact("template.json", template.encode())
    for artifact in (*artifacts, body):
        upload(s3, bucket, artifact)
    values = _parameters(config, bucket, artifacts) | dict(parameters or {})
    outputs = _apply(client("cloudformation"), config.prefix, source_of(body, bucket, region), values)
    pipelines = load_pipelines(pipelines_dir or PIPELINES_DIR)
    _restore_gold(client, settings_of(outputs), pipelines.values())
    return outputs


def source_of(template: Artifact, bucket: str, region: str) -> dict[str, str]:
    """How CloudFormation gets a template: in the request if it is short enough, from its bucket otherwise."""
    if len(template.data) <= LIMIT_INLINE_BYTES:
        return {"TemplateBody": template.data.decode()}
    return {"TemplateURL": f"https://s3.{region}.amazonaws.com/{bucket}/{template.key}"}


def settings_of(outputs: Mapping[str, str]) -> Settings:
    """What the stack's functions are given, from its outputs."""
    return Settings(
        bucket=outputs["LakeBucket"],
        ledger_table=outputs["LedgerTable"],
        topic_arn=outputs["TopicArn"],
        state_machine_arn_prefix=outputs["StateMachineArnPrefix"],
        silver_database=outputs["SilverDatabase"],
        gold_database=outputs["GoldDatabase"],
        event_source=outputs["AthenaWorkgroup"],
    )


def _restore_gold(client: Callable[[str], Any], settings: Settings, pipelines: Iterable[Pipeline]) -> None:
    catalog = Catalog(client("glue"), settings.gold_database)
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    for pipeline in pipelines:
        restore_pointers(catalog, ledger, pipeline.name, [table.name for table in pipeline.gold])


def _parameters(config: Config, bucket: str, artifacts: Artifacts) -> dict[str, str]:
    return {
        "Prefix": config.prefix,
        "Environment": config.name,
        "NotificationEmail": config.email,
        "ArtifactsBucket": bucket,
        "FunctionsKey": artifacts.functions.key,
        "GlueScriptKey": artifacts.glue_script.key,
        "GlueModulesKey": artifacts.glue_modules.key,
    }


def _apply(
    client: "CloudFormationClient", stack: str, source: dict[str, str], values: Mapping[str, str]
) -> dict[str, str]:
    """Create or update the stack, wait, return its outputs."""
    token = uuid.uuid4().hex
    known = _describe(client, stack)
    if known and known["StackStatus"] == "ROLLBACK_COMPLETE":  # its creation failed: it holds nothing
        client.delete_stack(StackName=stack)
        _wait(client, stack)
        known = None
    request = {
        "StackName": stack,
        **source,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "ClientRequestToken": token,
    }
    try:
        if known:
            client.update_stack(**request)  # type: ignore[arg-type]
        else:
            client.create_stack(**request)  # type: ignore[arg-type]
    except ClientError as error:
        if _NO_UPDATES not in error.response["Error"]["Message"]:
            raise DeployError(f"CloudFormation refuses stack '{stack}': {error}") from error
    done = _wait(client, stack)
    if done is None or done["StackStatus"] not in _DONE:
        status = done["StackStatus"] if done else "DELETE_COMPLETE"
        raise DeployError(f"Stack '{stack}' ended as {status}:\n" + "\n".join(_failures(client, stack, token)))
    return {output["OutputKey"]: output["OutputValue"] for output in done["Outputs"]}


def _describe(client: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    try:
        return client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def _wait(client: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    """The stack once nothing is in progress; None when it is gone."""
    deadline, pause = time.monotonic() + _LIMIT_SECONDS, _FIRST_POLL_SECONDS
    while True:
        found = _describe(client, stack)
        if not found or not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
        if time.monotonic() > deadline:
            raise DeployError(f"Stack '{stack}' is still {found['StackStatus']} after {_LIMIT_SECONDS:.0f} seconds")
        time.sleep(pause)
        pause = min(_LONGEST_POLL_SECONDS, pause * 1.5)


def _failures(client: "CloudFormationClient", stack: str, token: str) -> list[str]:
    """A line a failed resource of the operation `token`, first failure first, without those cancelled because of it."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"] if event.get("ClientRequestToken") == token]
    failed = [
        f"- {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
    ]
    return failed or ["- CloudFormation gives no failed resource; see the stack's events"]
