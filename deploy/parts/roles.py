"""The roles: whom iam/ has a policy document for, who may assume each, and what the document grants there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Template, iam

from deploy.functions import Function, needed_functions
from deploy.parts.names import logical_id, named
from deploy.policies import Document, account_trust, policy_document, service_trust, warehouse_trust
from lakehouse.contract.model import Pipeline

CRAWLER, WAREHOUSE = "crawler", "warehouse"


@dataclass(frozen=True)
class Role:
    """One role of a stack."""

    who: str
    """What follows the prefix in its name."""
    document: str
    """Its policy document: `iam/<document>.json`."""
    trust: Document
    pipelines: tuple[str, ...]
    """What `${Pipeline}` stands for in the document."""


def needed_roles(pipelines: Sequence[Pipeline]) -> tuple[Role, ...]:
    """The roles that a stack of these pipelines needs."""
    names = tuple(pipeline.name for pipeline in pipelines)
    functions = tuple(_role_of(function, names) for function in needed_functions(pipelines))
    others = {
        "glue-gold": service_trust("glue", "*"),
        "workflow": service_trust("states", "stateMachine:${Prefix}-*"),
        "operator": account_trust(),
        "eraser": account_trust(),
        "deployer": account_trust(),
    }
    if any(pipeline.crawlers for pipeline in pipelines):
        others[CRAWLER] = service_trust("glue", "crawler/${Prefix}-*")
    if any(pipeline.warehouse for pipeline in pipelines):
        others[WAREHOUSE] = warehouse_trust()
    return (*functions, *(Role(who, who, trust, names) for who, trust in others.items()))


def _role_of(function: Function, names: tuple[str, ...]) -> Role:
    """Lambda reads the gate's queue as the event source mapping, so any source of the service in this account counts;
    who may hand the role to which function is the business of `iam:PassRole`."""
    own = (function.pipeline,) if function.pipeline else names
    return Role(function.who, function.kind, service_trust("lambda", "*"), own)


def add(template: Template, iam_dir: Path, pipelines: Sequence[Pipeline]) -> None:
    """Raises ContractError where a document is missing or wrong."""
    for role in needed_roles(pipelines):
        policy = policy_document(iam_dir / f"{role.document}.json", role.pipelines)
        template.add_resource(
            iam.Role(
                logical_id(role.who, "role"),
                RoleName=named(role.who),
                AssumeRolePolicyDocument=role.trust,
                Policies=[iam.Policy(PolicyName=role.document, PolicyDocument=policy)],
            )
        )


def role_arn(who: str) -> Any:
    return GetAtt(logical_id(who, "role"), "Arn")
