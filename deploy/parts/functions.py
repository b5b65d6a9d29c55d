"""The Lambdas, each with its own role and log group."""

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, Sub, Template, awslambda, iam, logs

from deploy.config import FUNCTIONS
from deploy.parts.names import IS_AWS, key_arn, lambda_environment, logical_id, named, setting
from deploy.policies import Document, account_trust, service_trust

_RUNTIME = "python3.11"
_LAYERS = {"gate": "GateLayers", "commit": "GoldLayers", "gold": "GoldLayers"}
"""Who needs third-party packages. On one machine they come from the virtual environment, on AWS as layers."""

_ABOUT = {
    "gate": "Judges an arrived file and each of its rows",
    "commit": "Swaps a batch's accepted files into the silver tables",
    "gold": "Makes a pipeline's results with DuckDB",
    "publish": "Points the catalog at a run's results",
    "failed": "Records a failed run and tells people",
}

ROLES = (*FUNCTIONS, "glue-gold", "workflow", "operator", "deployer")
"""Whom iam/ has a policy document for."""


def add(template: Template, policies: Mapping[str, Document]) -> None:
    """`policies`: for each of `ROLES` its policy document."""
    for who in ROLES:
        template.add_resource(_role(who, policies[who]))
    for who in FUNCTIONS:
        _add_function(template, who)


def role_arn(who: str) -> Any:
    return GetAtt(logical_id(who, "role"), "Arn")


def function_arn(who: str) -> Any:
    return GetAtt(logical_id(who, "function"), "Arn")


def _role(who: str, policy: Document) -> iam.Role:
    return iam.Role(
        logical_id(who, "role"),
        RoleName=named(who),
        AssumeRolePolicyDocument=_trust(who),
        Policies=[iam.Policy(PolicyName=who, PolicyDocument=policy)],
    )


def _trust(who: str) -> Document:
    """Lambda reads the gate's queue as the event source mapping, so any source of the service in this account counts;
    who may hand the role to which function is the business of `iam:PassRole`."""
    if who in FUNCTIONS:
        return service_trust("lambda", "*")
    if who == "glue-gold":
        return service_trust("glue", "*")
    if who == "workflow":
        return service_trust("states", "stateMachine:${Prefix}-*")
    return account_trust()


def _add_function(template: Template, who: str) -> None:
    group = logical_id(who, "log")
    template.add_resource(
        logs.LogGroup(
            group,
            LogGroupName=Sub(f"/aws/lambda/${{Prefix}}-{who}"),
            RetentionInDays=setting("LogRetentionDays"),
            KmsKeyId=key_arn(),
        )
    )
    size = logical_id(who)
    layers = {"Layers": If(IS_AWS, Ref(_LAYERS[who]), NoValue)} if who in _LAYERS else {}
    template.add_resource(
        awslambda.Function(
            logical_id(who, "function"),
            FunctionName=named(who),
            Description=_ABOUT[who],
            Runtime=_RUNTIME,
            Handler=f"{who}.handler",
            Code=awslambda.Code(S3Bucket=Ref("ArtifactsBucket"), S3Key=Ref("FunctionsKey")),
            Role=role_arn(who),
            MemorySize=setting(f"{size}MemoryMb"),
            Timeout=setting(f"{size}TimeoutSeconds"),
            EphemeralStorage=awslambda.EphemeralStorage(Size=setting(f"{size}StorageMb")),
            Environment=awslambda.Environment(Variables=lambda_environment()),
            DependsOn=[group],  # otherwise Lambda makes it, without retention and key
            **layers,
        )
    )
