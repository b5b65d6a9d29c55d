"""The policy documents of iam/ and kms/, each as the account would see it, its placeholders filled in.

cfn-lint's policy rules (AWS's own, with a new list of every service's actions each month) say whether a document keeps
the grammar, each action exists and the resources fit the actions. Three rules of our own follow IAM's advice
(https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege): no wildcard of a whole
service, no grant of all but something, no `*` for a resource or a principal without a written reason.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from security.findings import Finding, Outcome

RULES = frozenset({"E3510", "E3512", "E3514", "I3510", "W2511", "W3037"})
"""cfn-lint's rules of policies. https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md"""

_ACCOUNT = "111122223333"  # AWS's example account
_FILLED = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": _ACCOUNT,
    "DataKey": f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
_PLACEHOLDER = re.compile(r"\$\{(?!aws:)([^}]+)\}")

Document = dict[str, Any]


def policies(iam: Path, kms: Path) -> Outcome:
    """What is wrong with each document. Places are `<folder>/<file>.json/<Sid>`."""
    documents = {path: filled(path) for folder in (iam, kms) for path in sorted(folder.glob("*.json"))}
    reasons = iam / "reasons.toml"
    known = tomllib.loads(reasons.read_text()).get("any_resource", []) if reasons.is_file() else []
    anywhere = {(entry["document"], entry["sid"]) for entry in known}
    found = {*_linted(documents)}
    for path, document in documents.items():
        for statement in document["Statement"]:
            explained = (path.stem, statement.get("Sid")) in anywhere
            found |= {*_too_wide(_place(path, statement), statement, path.parent == kms, explained)}
    statements = sum(len(document["Statement"]) for document in documents.values())
    return Outcome(f"{statements} statements of {len(documents)} documents", tuple(sorted(found)))


def filled(path: Path) -> Document:
    """A document with an example of each placeholder in its place."""
    text = _PLACEHOLDER.sub(lambda match: _FILLED.get(match[1], match[1].lower()), path.read_text())
    document: Document = json.loads(text)
    return document


def _place(path: Path, statement: Document) -> str:
    return f"{path.parent.name}/{path.name}/{statement.get('Sid', '?')}"


def _linted(documents: dict[Path, Document]) -> Iterator[Finding]:
    from cfnlint.api import lint  # a tool of the development environment
    from cfnlint.config import ManualArgs

    names = {f"{path.parent.name}{index}": path for index, path in enumerate(documents)}
    resources = {name: _resource(path, documents[path]) for name, path in names.items()}
    config = ManualArgs(include_checks=["I3510"])
    for match in lint(json.dumps({"Resources": resources}), regions=["eu-west-1"], config=config):
        where = list(match.path or ())
        if match.rule.id not in RULES and where[2:3] != ["Properties"]:
            continue
        path = names[str(where[1])]
        numbered = where[where.index("Statement") + 1] if "Statement" in where else None
        statement = documents[path]["Statement"][numbered] if isinstance(numbered, int) else {}
        yield Finding(match.rule.id, _place(path, statement), match.message[:200])


def _resource(path: Path, document: Document) -> dict[str, Any]:
    """A resource whose policy the document may be."""
    if path.parent.name == "kms":
        return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}}
    properties = {"PolicyName": path.stem, "Roles": ["role"], "PolicyDocument": document}
    return {"Type": "AWS::IAM::Policy", "Properties": properties}


def _too_wide(place: str, statement: Document, is_key_policy: bool, explained: bool) -> Iterator[Finding]:
    if statement["Effect"] != "Allow":
        return
    for action in _listed(statement.get("Action")):
        if action == "*" or action.endswith(":*"):
            yield Finding("whole-service", place, f"allows '{action}'")
    for part in {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
        yield Finding("all-but", place, f"allows by {part} all that is not named")
    # a key policy's resource is always the key itself
    if "*" in _listed(statement.get("Resource")) and not is_key_policy and not explained:
        yield Finding("any-resource", place, "on '*', with no reason in iam/reasons.toml")
    principal = statement.get("Principal")
    if principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS"))):
        yield Finding("anybody", place, "allows everybody")


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
