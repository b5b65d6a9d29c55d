"""Deployment: artifacts to their bucket, then one CloudFormation stack, created or updated, the same way everywhere."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from deploy.artifacts import Artifact, Artifacts, build_artifacts
from deploy.bucket import artifacts_bucket, ensure_bucket, upload
from deploy.change_set import ChangeSet, discard, execute, propose
from deploy.config import PIPELINES_DIR, Config
from deploy.layers import LAMBDA_PYTHON, LAYERS
from deploy.stack_events import DeployError, Tell, describe
from deploy.template import build_template
from lakehouse.contract.load import pipelines as load_pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.publish import restore_pointers
from lakehouse.settings import Settings

LIMIT_INLINE_BYTES = 51_200
"""Of a template in a request. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

Approve = Callable[[ChangeSet], bool]


@dataclass(frozen=True)
class Deployment:
    """All that one deployment brings, built without any account."""

    config: Config
    template: Artifact
    artifacts: Artifacts
    pipelines: tuple[Pipeline, ...]

    def parameters(self, bucket: str) -> dict[str, str]:
        """The template's parameters."""
        return {
            "Prefix": self.config.prefix,
            "Environment": self.config.name,
            "NotificationEmail": self.config.email,
            "ArtifactsBucket": bucket,
            **self.artifacts.parameters(),
        }


def build_deployment(config: Config, pipelines_dir: Path | None = None, python: str = LAMBDA_PYTHON) -> Deployment:
    """Build the template and the artefacts of the checkout; `pipelines_dir` takes the place of `pipelines/`.

    `python` is the version that layers are built for, where the environment has layers.

    Raises:
        ContractError, ConfigError, LayerError: what is to be deployed is wrong.
    """
    return Deployment(
        config,
        Artifact("template.json", build_template(config, pipelines_dir).encode()),
        build_artifacts(pipelines_dir, layers=tuple(LAYERS) if config.layers else (), python=python),
        tuple(load_pipelines(pipelines_dir or PIPELINES_DIR).values()),
    )


def python_of(config: Config) -> str:
    """The Python that an environment's functions run on: Lambda's, and on one machine this one."""
    if config.kind == "aws":
        return LAMBDA_PYTHON
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def deploy_stack(
    session: boto3.Session,
    config: Config,
    *,
    pipelines_dir: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    endpoint_url: str | None = None,
) -> dict[str, str]:
    """Build what the checkout says, bring the stack `<prefix>` to it without asking, and return its outputs.

    As `build_deployment` and `deploy_built`.
    """
    built = build_deployment(config, pipelines_dir, python_of(config))
    return deploy_built(session, built, parameters=parameters, endpoint_url=endpoint_url)


def deploy_built(
    session: boto3.Session,
    built: Deployment,
    *,
    parameters: Mapping[str, str] | None = None,
    endpoint_url: str | None = None,
    uploading: Callable[[Artifact], None] = lambda _: None,
    approve: Approve = lambda _: True,
    tell: Tell = lambda _: None,
) -> dict[str, str]:
    """Upload the artefacts, propose a change set, carry it out if `approve` says so, and return the stack's outputs.

    `parameters` go before the deployment's own; `endpoint_url` is for a session whose environment does not name it;
    `uploading` hears of each artefact before it is sent, `tell` of each event of the stack. Deploying the same again
    changes nothing, and `approve` is not asked. An update that touches a gold table resets its location to the
    template's: the pointers are put back afterwards.

    Raises:
        DeployError: CloudFormation refused or the stack failed (names each resource with AWS's reason), or `approve`
            said no.
    """
    config, region = built.config, session.region_name or built.config.region

    def client(service: str) -> Any:
        return session.client(service, region_name=region, endpoint_url=endpoint_url)  # type: ignore[call-overload]

    bucket = artifacts_bucket(config.prefix, client("sts").get_caller_identity()["Account"])
    _upload(client("s3"), bucket, region, (*built.artifacts, built.template), uploading)
    cloudformation = client("cloudformation")
    values = built.parameters(bucket) | dict(parameters or {})
    proposed = propose(cloudformation, config.prefix, source_of(built.template, bucket, region), values)
    if proposed:
        _carry_out(cloudformation, proposed, approve, tell)
    outputs = outputs_of(cloudformation, config.prefix)
    _restore_gold(client, settings_of(outputs), built.pipelines)
    return outputs


def outputs_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """The outputs of a stack that is there."""
    found = describe(cloudformation, stack)
    if not found:
        raise DeployError(f"There is no stack '{stack}'")
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def _upload(
    s3: Any, bucket: str, region: str, artifacts: Iterable[Artifact], uploading: Callable[[Artifact], None]
) -> None:
    ensure_bucket(s3, bucket, region)
    for artifact in artifacts:
        uploading(artifact)
        upload(s3, bucket, artifact)


def _carry_out(cloudformation: Any, proposed: ChangeSet, approve: Approve, tell: Tell) -> None:
    approved = False
    try:
        approved = approve(proposed)
    finally:
        if not approved:
            discard(cloudformation, proposed)
    if not approved:
        raise DeployError(f"Stack '{proposed.stack}' was not changed")
    execute(cloudformation, proposed, tell)


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
        tokens_secret=outputs["TokensSecret"],
    )


def _restore_gold(client: Callable[[str], Any], settings: Settings, pipelines: Iterable[Pipeline]) -> None:
    catalog = Catalog(client("glue"), settings.gold_database)
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    for pipeline in pipelines:
        restore_pointers(catalog, ledger, pipeline.name, [table.name for table in pipeline.gold])
