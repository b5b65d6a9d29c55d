"""No confused deputy: every AWS service that the template trusts acts for one named source of this account.

https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

import json
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from template_world import RESOURCES

from deploy.config import ROOT

ACCOUNT = {"Fn::Sub": "${AWS::AccountId}"}
KEYS = ("aws:SourceArn", "aws:SourceAccount")
REASONS = {
    (one["resource"], one["statement"]): frozenset(one["lacks"])
    for one in tomllib.loads((ROOT / "iam" / "reasons.toml").read_text())["service_principal"]
}


@dataclass(frozen=True)
class Trusted:
    """One place where the template trusts an AWS service."""

    resource: str
    """Logical id."""
    statement: str
    """Its Sid; of a trust policy and of a Lambda permission the service."""
    lacks: frozenset[str]
    """Condition keys that are not there, or that name no source or another account."""


def trusted(resources: dict[str, Any]) -> Iterator[Trusted]:
    """Every statement with a service as principal, and every permission of a function."""
    for name, resource in resources.items():
        for statement in statements(resource["Properties"]):
            service = (statement.get("Principal") or {}).get("Service") if statement.get("Principal") != "*" else None
            if service:
                said = statement.get("Sid") or (service if isinstance(service, str) else service[0])
                yield Trusted(name, said, frozenset(lacking(statement.get("Condition", {}))))
        if resource["Type"] == "AWS::Lambda::Permission":
            named = {"aws:SourceArn": "SourceArn", "aws:SourceAccount": "SourceAccount"}
            lacks = {key for key, field in named.items() if not resource["Properties"].get(field)}
            yield Trusted(name, resource["Properties"]["Principal"], frozenset(lacks))


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement anywhere in a value."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for inner in value.values():
            yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


def lacking(condition: dict[str, Any]) -> Iterator[str]:
    """Of the two keys those that a condition does not hold to this account's own things."""
    if condition.get("StringEquals", {}).get("aws:SourceAccount") != ACCOUNT:
        yield "aws:SourceAccount"
    arns = [block["aws:SourceArn"] for block in condition.values() if "aws:SourceArn" in block]
    sources = [one for found in arns for one in (found if isinstance(found, list) else [found])]
    if not sources or not all(of_this_account(one) for one in sources):
        yield "aws:SourceArn"


def of_this_account(arn: Any) -> bool:
    """Whether an ARN names something of this account, and not just anything of a service."""
    if "Fn::GetAtt" in arn:
        return bool(arn["Fn::GetAtt"][0] in RESOURCES)
    parts = arn["Fn::Sub"].replace("AWS::", "").split(":", 5)
    return parts[4] == "${AccountId}" and parts[2] != "*"


def test_every_service_acts_for_a_source_of_this_account_or_a_reason_says_why_not() -> None:
    found = {(one.resource, one.statement): one.lacks for one in trusted(RESOURCES) if one.lacks}
    assert found == REASONS


def test_the_walk_sees_roles_queues_the_topic_the_key_and_functions() -> None:
    kinds = {RESOURCES[one.resource]["Type"] for one in trusted(RESOURCES)}
    assert kinds == {
        "AWS::IAM::Role",
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::KMS::Key",
        "AWS::Lambda::Permission",
    }


def test_a_role_trusts_its_service_for_one_thing_alone() -> None:
    """The gate's besides for event source mappings, whose names AWS makes up."""
    for name, resource in RESOURCES.items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if "Service" not in statement["Principal"] or name == "WarehouseRole":
            continue
        found = statement["Condition"]["ArnLike"]["aws:SourceArn"]
        texts = [one["Fn::Sub"] for one in (found if isinstance(found, list) else [found])]
        wild = [text for text in texts if "*" in text]
        assert wild == ([text for text in texts if ":event-source-mapping:" in text] if name == "GateRole" else []), (
            name
        )


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("GateRole", "aws:SourceArn"),
        ("SweepRulePermission", "SourceAccount"),
        ("GateQueuePolicy", "aws:SourceAccount"),
        ("NotificationsPolicy", "aws:SourceArn"),
        ("DataKey", "aws:SourceAccount"),
    ],
)
def test_a_condition_that_is_taken_away_is_found(resource: str, kind: str) -> None:
    broken = deepcopy(RESOURCES[resource])
    text = json.dumps(broken).replace(f'"{kind}"', '"aws:PrincipalTag/x"')
    found = {(one.resource, one.statement): one.lacks for one in trusted({resource: json.loads(text)}) if one.lacks}
    assert found != {key: lacks for key, lacks in REASONS.items() if key[0] == resource}
