"""Rights of the stack's roles for what the stack does not have: made-up pipelines, tables and state machines.

The documents of `iam/` name their own pipelines alone. A made-up one gets the same documents, filled in for it.
"""

import json
from collections.abc import Sequence
from typing import Any

from deploy.config import ROOT
from deploy.parts.roles import needed_roles, policy_values
from deploy.policies import Values, policy_document
from lakehouse.contract.model import Pipeline
from tests.lake import Lake

IAM = ROOT / "iam"


def serve(lake: Lake, pipelines: Sequence[Pipeline]) -> None:
    """Let the stack's roles that serve every pipeline serve these too."""
    there = {role["RoleName"] for page in _pages(lake, "list_roles") for role in page["Roles"]}
    for role in needed_roles(pipelines):
        if lake.named(role.who) in there:
            allow(lake, role.who, role.document, policy_values(role))


def serve_table(lake: Lake, who: str, table: str) -> None:
    """Let a role reach a gold table of the pipeline `tests`."""
    allow(lake, who, who, {"Pipeline": ["tests"], "GoldTable": [table]})


def allow(lake: Lake, who: str, document: str, values: Values) -> None:
    """Give a role what `iam/<document>.json` says where `values` stand for its placeholders, in addition."""
    lists = dict.fromkeys(("SilverTable", "GoldTable", "Crawler", "Generator", "Step", "Target"), ())
    policy = policy_document(IAM / f"{document}.json", {**lists, **values})
    lake.client("iam").put_role_policy(
        RoleName=lake.named(who),
        PolicyName=f"{document}-for-{'-'.join([*values.get('Pipeline', ()), *values.get('GoldTable', ())])}"[:128],
        PolicyDocument=json.dumps(_filled_in(lake, policy)),
    )


def copy_role(lake: Lake, arn: str, name: str, service: str) -> str:
    """A role with another's policies that a service may assume for whatever it likes; its ARN."""
    iam, of = lake.client("iam"), arn.rsplit("/", 1)[-1]
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    for policy in iam.list_role_policies(RoleName=of)["PolicyNames"]:
        document = json.dumps(iam.get_role_policy(RoleName=of, PolicyName=policy)["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    return made


def _pages(lake: Lake, operation: str) -> Any:
    return lake.client("iam").get_paginator(operation).paginate()


def _filled_in(lake: Lake, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled_in(lake, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled_in(lake, inner) for inner in value]
    if isinstance(value, str):
        return value
    text = value.to_dict()["Fn::Sub"]
    names = {
        "AWS::Partition": "aws",
        "AWS::Region": lake.aws.region,
        "AWS::AccountId": lake.aws.account_id,
        "Prefix": lake.config.prefix,
        "LakeBucket": lake.bucket,
        "DataKey.Arn": lake.outputs["DataKeyArn"],
        "SilverDatabase": lake.settings.silver_database,
        "GoldDatabase": lake.settings.gold_database,
    }
    for name, known in names.items():
        text = text.replace(f"${{{name}}}", known)
    return text.replace("${!", "${")
