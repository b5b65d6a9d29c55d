"""`python -m deploy.check`: the committed template is what its sources give, within limits, and without findings."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from deploy.config import ROOT, load_configs
from deploy.metrics import problems as metric_problems
from deploy.template import TEMPLATE_FILE, build_template

LIMIT_BYTES = 1_000_000
LIMIT_RESOURCES = 500
LIMIT_PARAMETERS = LIMIT_OUTPUTS = 200
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html, template in S3."""

LIMIT_POLICY_CHARACTERS = 10_240
"""Of a role's inline policies together, without white space.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

LIMIT_DEFINITION_BYTES = 1_048_576
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

_FURTHER_REGIONS = {"eu-west-1"}
"""Another region than us-east-1, which is special in several ways."""

_NAME = re.compile(r"\$\{([^!}]*)\}")
_PREFIX, _ACCOUNT, _REGION, _PARTITION = 20, 12, len("ap-southeast-1"), len("aws-us-gov")
_LONGEST = {
    "AWS::Partition": _PARTITION,
    "AWS::Region": _REGION,
    "AWS::AccountId": _ACCOUNT,
    "Prefix": _PREFIX,
    "LakeBucket": _PREFIX + len("-lake-") + _ACCOUNT,
    "DataKey.Arn": len("arn::kms:::key/")
    + _PARTITION
    + _REGION
    + _ACCOUNT
    + len("00000000-0000-0000-0000-000000000000"),
    "BronzeDatabase": _PREFIX + len("_bronze"),
    "SilverDatabase": _PREFIX + len("_silver"),
    "GoldDatabase": _PREFIX + len("_gold"),
}
"""The longest name, in characters, that may stand for each placeholder of a policy."""


def findings(template: str) -> list[str]:
    """cfn-lint's errors and warnings, a line each, for the regions of every environment and one more."""
    from cfnlint.api import lint  # a tool of the development environment: the lake itself runs without it

    matches = lint(template, regions=sorted({config.region for config in load_configs()} | _FURTHER_REGIONS))
    return [f"{match.rule.id} at {'/'.join(map(str, match.path or ()))}: {match.message}" for match in matches]


def beyond_limits(template: str) -> Iterator[str]:
    """A line for each of AWS's limits that the template does not keep."""
    document = json.loads(template)
    resources = document.get("Resources", {})
    counted = (
        ("bytes", len(template.encode()), LIMIT_BYTES),
        ("resources", len(resources), LIMIT_RESOURCES),
        ("parameters", len(document.get("Parameters", {})), LIMIT_PARAMETERS),
        ("outputs", len(document.get("Outputs", {})), LIMIT_OUTPUTS),
    )
    for what, found, limit in counted:
        if found > limit:
            yield f"The template has {found} {what}; CloudFormation takes {limit}"
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role" and (size := _policy_size(properties)) > LIMIT_POLICY_CHARACTERS:
            yield f"{name}: its policies have {size} characters; IAM takes {LIMIT_POLICY_CHARACTERS}"
        if len(properties.get("DefinitionString", "").encode()) > LIMIT_DEFINITION_BYTES:
            yield f"{name}: its definition has more than {LIMIT_DEFINITION_BYTES} bytes, which Step Functions takes"


def problems(committed: str | None, built: str) -> list[str]:
    """What is wrong with the committed template, given what the sources build."""
    found = []
    if committed != built:
        name = TEMPLATE_FILE.relative_to(ROOT)
        found.append(f"{name} is stale: run `make template` (or `lake template --write`) and commit it")
    return [*found, *beyond_limits(built), *metric_problems(json.loads(built)["Resources"]), *findings(built)]


def _policy_size(role: dict[str, Any]) -> int:
    """Characters of a role's inline policies once every placeholder is a name, at most."""
    return sum(
        len(json.dumps(_resolved(policy["PolicyDocument"]), separators=(",", ":"))) for policy in role["Policies"]
    )


def _resolved(value: Any) -> Any:
    """A policy document with a text as long as the longest name in place of each placeholder."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            return _NAME.sub(lambda match: "x" * _LONGEST[match[1]], value["Fn::Sub"])
        return {key: _resolved(inner) for key, inner in value.items()}
    return [_resolved(inner) for inner in value] if isinstance(value, list) else value


def main() -> int:
    built = build_template()
    found = problems(TEMPLATE_FILE.read_text() if TEMPLATE_FILE.is_file() else None, built)
    for line in found:
        print(line, file=sys.stderr)
    print(f"template: {len(built.encode())} bytes of {LIMIT_BYTES}, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
