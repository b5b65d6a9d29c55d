"""What a deployment would bring, told without any account. Pure."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.artifacts import Artifact
from deploy.bucket import artifacts_bucket
from deploy.layers import LAYERS_OF
from deploy.stack import Deployment

SOME_ACCOUNT = "<account>"
"""Stands for the account's number, which a plan does not know."""


@dataclass(frozen=True)
class FunctionPlan:
    """A kind of function with its layers."""

    kind: str
    layers: tuple[str, ...]
    unpacked_bytes: int


@dataclass(frozen=True)
class Plan:
    """All of it."""

    environment: str
    stack: str
    region: str
    artifacts: tuple[Artifact, ...]
    functions: tuple[FunctionPlan, ...]
    """Of the kinds with layers; empty where functions have none."""
    resources: Mapping[str, int]
    """How many of each type the stack would have."""
    parameters: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same as one JSON document."""
        return {
            "environment": self.environment,
            "stack": self.stack,
            "region": self.region,
            "artifacts": [
                {
                    "name": one.name,
                    "bytes": len(one.data),
                    "unpacked_bytes": one.unpacked_bytes,
                    "sha256": one.sha256,
                }
                for one in self.artifacts
            ],
            "functions": [
                {"kind": one.kind, "layers": list(one.layers), "unpacked_bytes": one.unpacked_bytes}
                for one in self.functions
            ],
            "resources": dict(self.resources),
            "parameters": dict(self.parameters),
        }


def plan_of(built: Deployment, account: str = SOME_ACCOUNT) -> Plan:
    """The plan of what was built."""
    parameters = built.parameters(artifacts_bucket(built.config.prefix, account))
    sizes = built.artifacts.function_bytes() if built.artifacts.layers else {}
    return Plan(
        environment=built.config.name,
        stack=built.config.prefix,
        region=built.config.region,
        artifacts=(*built.artifacts, built.template),
        functions=tuple(FunctionPlan(kind, layers, sizes[kind]) for kind, layers in LAYERS_OF.items() if sizes),
        resources=resources_by_type(json.loads(built.template.data), parameters),
        parameters=parameters,
    )


def resources_by_type(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, int]:
    """How many resources of each type a template makes with these parameters, the most frequent first."""
    defaults = {name: one["Default"] for name, one in template["Parameters"].items() if "Default" in one}
    values = defaults | dict(parameters)
    found = Counter(
        resource["Type"]
        for resource in template["Resources"].values()
        if "Condition" not in resource or _value(template, values, {"Condition": resource["Condition"]})
    )
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _value(template: Mapping[str, Any], values: Mapping[str, str], node: Any) -> Any:
    """What a condition, or a part of one, comes to. Knows the functions that the template's conditions use."""
    if not isinstance(node, dict):
        return node
    ((function, inner),) = node.items()
    if function == "Ref":
        return values[inner]
    if function == "Condition":
        return _value(template, values, template["Conditions"][inner])
    parts = [_value(template, values, part) for part in inner]
    if function == "Fn::FindInMap":
        return template["Mappings"][parts[0]][parts[1]][parts[2]]
    if function == "Fn::Join":
        return parts[0].join(parts[1])
    return {
        "Fn::Equals": lambda: str(parts[0]) == str(parts[1]),
        "Fn::Not": lambda: not parts[0],
        "Fn::And": lambda: all(parts),
        "Fn::Or": lambda: any(parts),
    }[function]()
