"""What iam/ grants, entry by entry: document, statement, action, resource as they are written, and what each comes to
for a role.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from deploy.parts.roles import Role, policy_values
from tests.iam.actions import expanded
from tests.iam.simulation import Statement, listed, statements_of

IAM = Path(__file__).resolve().parents[2] / "iam"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, order=True)
class Grant:
    """One entry: an action on a resource, as a document of iam/ has it."""

    document: str
    sid: str
    action: str
    """Wildcards expanded."""
    resource: str
    """As it is written, with its placeholders."""


@dataclass(frozen=True)
class Given:
    """What a grant comes to for one role."""

    grant: Grant
    role: str
    statement: Statement
    """Of one action, and of the resources that the entry stands for."""


def documents() -> dict[str, dict[str, Any]]:
    """Every policy document by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(IAM.glob("*.json"))}


def given(role: Role, names: Mapping[str, str]) -> Iterator[Given]:
    """All that a role may do, entry by entry.

    Args:
        names: what the placeholders with one value stand for.
    """
    found = documents()
    for document, statement in ((name, one) for name in role.documents for one in found[name]["Statement"]):
        for pattern, text in product(listed(statement["Action"]), listed(statement["Resource"])):
            resources = filled(text, names, policy_values(role))
            for action in expanded(pattern) if resources else ():
                resolved = _resolved(statement, names, role) | {"Action": action, "Resource": resources}
                yield Given(Grant(document, statement["Sid"], action, text), role.who, Statement.of(resolved))


def policies(role: Role, names: Mapping[str, str]) -> tuple[Statement, ...]:
    """A role's statements as they are when it is deployed."""
    found = [
        _resolved(one, names, role)
        | {
            "Resource": [
                text for entry in listed(one["Resource"]) for text in filled(entry, names, policy_values(role))
            ]
        }
        for name in role.documents
        for one in documents()[name]["Statement"]
    ]
    return statements_of({"Statement": [one for one in found if one["Resource"]]})


def filled(text: str, names: Mapping[str, str], values: Mapping[str, Sequence[str]]) -> list[str]:
    """The texts that a text with placeholders stands for: one for each value of those that have several."""
    several = [name for name in dict.fromkeys(_PLACEHOLDER.findall(text)) if name in values]
    texts = []
    for chosen in product(*(values[name] for name in several)):
        known = {**names, **dict(zip(several, chosen, strict=True))}
        texts.append(_PLACEHOLDER.sub(lambda found, known=known: known.get(found[1], found[0]), text))  # type: ignore[misc]
    return texts


def _resolved(statement: Mapping[str, Any], names: Mapping[str, str], role: Role) -> dict[str, Any]:
    conditions = {
        how: {
            key: [text for one in listed(texts) for text in filled(one, names, policy_values(role))]
            for key, texts in block.items()
        }
        for how, block in statement.get("Condition", {}).items()
    }
    return {**statement, **({"Condition": conditions} if conditions else {})}


def granted_actions(role: Role) -> frozenset[str]:
    """The actions that a role may do somewhere."""
    found = documents()
    statements = [one for name in role.documents for one in found[name]["Statement"]]
    return frozenset(action for one in statements for pattern in listed(one["Action"]) for action in expanded(pattern))
