"""Policy documents of iam/ and kms/ as CloudFormation values, and the trust policies that go with the roles.

A text in a document may hold `${AWS::Partition}`, `${AWS::Region}`, `${AWS::AccountId}`, `${Prefix}`, `${DataKey}` (the
data key's ARN), `${LakeBucket}`, `${BronzeDatabase}`, `${SilverDatabase}`, `${GoldDatabase}` (their names), and one of
the names in `LISTED`, for which each role has values of its own: such a text stands for one text a value, and a
statement that is left without a resource is left out. IAM's own variables (`${aws:username}`) stay as they are.
iam/README.md says what each name stands for.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from troposphere import Sub

from lakehouse.errors import ContractError

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_KNOWN = {
    "AWS::Partition",
    "AWS::Region",
    "AWS::AccountId",
    "Prefix",
    "DataKey",
    "LakeBucket",
    "BronzeDatabase",
    "SilverDatabase",
    "GoldDatabase",
}
LISTED = ("Pipeline", "SilverTable", "GoldTable", "Crawler", "Generator", "Step", "Target")
"""Placeholders with several values, or none."""

Document = dict[str, Any]
Values = Mapping[str, Sequence[str]]
"""What each of `LISTED` stands for."""


def policy_document(path: Path, values: Values) -> Document:
    """Read a policy document and put CloudFormation's functions in place of its placeholders.

    Raises:
        ContractError: the file is missing, not a policy document or holds an unknown placeholder.
    """
    if not path.is_file():
        raise ContractError(f"{path} is missing: every role needs its policy document")
    try:
        document = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ContractError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or not document.get("Statement"):
        raise ContractError(f"{path}: expected an object with 'Version' and 'Statement'")
    resolved = {key: _resolved(path, value, values) for key, value in document.items()}
    statements = [one for one in resolved["Statement"] if one.get("Resource") != []]
    return {**resolved, "Statement": statements}


def _resolved(path: Path, value: Any, values: Values) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(path, inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        resolved = (_resolved(path, inner, values) for inner in value)
        return [text for entry in resolved for text in (entry if isinstance(entry, list) else [entry])]
    if not isinstance(value, str) or "${" not in value:
        return value
    listed = next((name for name in LISTED if f"${{{name}}}" in value), None)
    if listed is None:
        return _substituted(path, value)
    if listed not in values:
        raise ContractError(f"{path}: '${{{listed}}}' stands for nothing in '{value}': the role has no such values")
    texts = (value.replace(f"${{{listed}}}", one) for one in values[listed])
    found = (_resolved(path, text, values) for text in texts)
    return [text for entry in found for text in (entry if isinstance(entry, list) else [entry])]


def _substituted(path: Path, text: str) -> Any:
    names = [name for name in _PLACEHOLDER.findall(text) if not name.startswith("aws:")]
    unknown = [name for name in names if name not in _KNOWN]
    if unknown:
        expected = sorted([*_KNOWN, *LISTED])
        raise ContractError(f"{path}: unknown placeholder {unknown} in '{text}'. Expected one of {expected}")
    return Sub(text.replace("${aws:", "${!aws:").replace("${DataKey}", "${DataKey.Arn}")) if names else text


def service_trust(service: str, *sources: str) -> Document:
    """A trust policy for one AWS service, only on behalf of this account's resources `sources` (no confused deputy).

    A source is the end of an ARN after the account, such as `stateMachine:${Prefix}-sales`; `*` stands for any
    characters. https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    start = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"
    arns = [Sub(start + source) for source in sources]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")},
                    "ArnLike": {"aws:SourceArn": arns if len(arns) > 1 else arns[0]},
                },
            }
        ],
    }


def warehouse_trust() -> Document:
    """A trust policy for Redshift, only on behalf of database users of this stack's workgroup.

    Redshift gives the user as the external id, and no source.
    https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
    """
    users = "arn:${AWS::Partition}:redshift:${AWS::Region}:${AWS::AccountId}:dbuser:${Prefix}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]},
                "Action": "sts:AssumeRole",
                "Condition": {"StringLike": {"sts:ExternalId": Sub(users)}},
            }
        ],
    }


def account_trust() -> Document:
    """A trust policy for people and roles of this account whom their own policy allows to assume the role."""
    principal = {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }


def tls_only(action: str, *resources: Any) -> Document:
    """A statement that denies everyone an action without TLS."""
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def rule_may(sid: str, action: str, resource: Any, rule_arns: Any) -> Document:
    """A statement that lets EventBridge do `action` on `resource` on behalf of a rule, or of several, of this
    account."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")},
            "ArnEquals": {"aws:SourceArn": rule_arns},
        },
    }
