"""`kms/edges.toml` against the template: where data is encrypted, the setting and the grant are there.

`python -m deploy.encryption --write` writes the table of docs/encryption.md anew.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from deploy.config import ROOT
from lakehouse.errors import ContractError

EDGES_FILE = ROOT / "kms" / "edges.toml"
PAGE = ROOT / "docs" / "encryption.md"
BEGIN, END = "<!-- edges -->", "<!-- end of edges -->"

KEY = {
    "arn": {"Fn::GetAtt": ["DataKey", "Arn"]},
    "id": {"Ref": "DataKey"},
    "configuration": {"Fn::If": ["IsAws", {"Ref": "GlueSecurity"}, {"Ref": "AWS::NoValue"}]},
}
"""What a setting must hold: the data key, or the Glue configuration that names it."""


VIA = {"AWS::StepFunctions": "states", "AWS::Athena": "s3", "AWS::Glue": "s3"}
"""Which service asks the key with a role's rights; of other types the one that they are named by.
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service"""


@dataclass(frozen=True)
class Edge:
    """One way in which a service touches encrypted data."""

    id: str
    who: str
    """Who does it."""
    what: str
    """What it does, and to what."""
    type: str
    """Type of the resources with the setting."""
    setting: str
    """Path of the property that names the key, with dots."""
    source: str
    """Where AWS says so."""
    actions: tuple[str, ...]
    """What the key must allow."""
    resources: tuple[str, ...] = ()
    """Their logical ids; none: all of the type."""
    named: str = ""
    """Of these, those whose name begins so."""
    value: str = "arn"
    """What stands there: a name of `KEY`."""
    documents: tuple[str, ...] = ()
    """Policy documents of iam/ that grant it."""
    sid: str = "DataKey"
    """Their statement that does, or with `principal` the key policy's."""
    principal: str = ""
    """The service that the key policy grants it to."""
    calls: tuple[str, ...] = ()
    """API calls that are this edge: every document that allows one must be named here or in another edge of it."""

    @property
    def via(self) -> str:
        """The service that asks the key with the role's rights, as a condition names it."""
        of = self.type.rpartition("::")[0]
        return f"{VIA.get(of, of.rpartition('::')[2].lower())}.${{AWS::Region}}.amazonaws.com"

    @property
    def grant(self) -> str:
        """The grant, for people."""
        if self.principal:
            return f"key policy `{self.sid}`"
        names = ", ".join(f"`{document}`" for document in self.documents)
        return f"`{self.sid}` of {names}"


@dataclass(frozen=True)
class Excuse:
    """Something that is encrypted otherwise, and why."""

    what: str
    why: str
    type: str = ""
    """Type of resource that could take a key."""


@dataclass(frozen=True)
class Edges:
    """The file."""

    edges: tuple[Edge, ...]
    excuses: tuple[Excuse, ...] = field(default=())


def load_edges(path: Path = EDGES_FILE) -> Edges:
    """Read the edges.

    Raises:
        ContractError: an edge lacks a field or has an unknown one, or both grants or none.
    """
    raw = tomllib.loads(path.read_text())
    edges = tuple(_edge(path, values) for values in raw["edge"])
    twice = {edge.id for edge in edges if [one.id for one in edges].count(edge.id) > 1}
    if twice:
        raise ContractError(f"{path.name}: several edges have the id {sorted(twice)}")
    return Edges(edges, tuple(Excuse(**values) for values in raw["excuse"]))


def _edge(path: Path, values: Mapping[str, Any]) -> Edge:
    known = {one.name for one in fields(Edge)}
    if values.keys() - known:
        raise ContractError(f"{path.name}: unknown {sorted(values.keys() - known)}. Expected some of {sorted(known)}")
    given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
    edge = Edge(**given)
    if bool(edge.documents) == bool(edge.principal):
        raise ContractError(f"{path.name}: edge '{edge.id}' needs either 'documents' or a 'principal'")
    return edge


def problems(template: Mapping[str, Any], edge: Edge) -> list[str]:
    """What the template (the parsed JSON) lacks of an edge, a line each."""
    return [*_settings(template, edge), *_grants(template, edge)]


def _settings(template: Mapping[str, Any], edge: Edge) -> Iterator[str]:
    of_type = {name: one for name, one in template["Resources"].items() if one["Type"] == edge.type}
    wanted = {name: of_type.get(name) for name in edge.resources} if edge.resources else of_type
    wanted = {name: one for name, one in wanted.items() if one is None or _name(one).startswith(edge.named)}
    if not wanted:
        yield f"{edge.id}: the template has no {edge.type} {edge.named}".rstrip()
    for name, resource in wanted.items():
        if resource is None or value_at(resource["Properties"], edge.setting) != KEY[edge.value]:
            yield f"{edge.id}: {name} lacks {edge.setting} with the data key"


def _name(resource: Mapping[str, Any]) -> str:
    """The log group's name as far as it is fixed."""
    name = resource["Properties"].get("LogGroupName", "")
    return str(name.get("Fn::Sub", "") if isinstance(name, dict) else name)


def value_at(properties: Any, path: str) -> Any:
    """What stands at a path; None where there is nothing."""
    for step in path.split("."):
        if isinstance(properties, list):
            properties = properties[int(step)] if int(step) < len(properties) else None
        else:
            properties = properties.get(step) if isinstance(properties, dict) else None
    return properties


def _grants(template: Mapping[str, Any], edge: Edge) -> Iterator[str]:
    if edge.principal:
        policy = template["Resources"]["DataKey"]["Properties"]["KeyPolicy"]
        yield from _lacking(edge, "the key policy", [policy], {"Service": edge.principal}, "*")
        return
    for document in edge.documents:
        policies = [
            policy["PolicyDocument"]
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::IAM::Role"
            for policy in resource["Properties"]["Policies"]
            if policy["PolicyName"] == document
        ]
        if not policies:
            yield f"{edge.id}: no role has the document iam/{document}.json"
        yield from _lacking(edge, f"iam/{document}.json", policies, None, KEY["arn"])


def _lacking(edge: Edge, where: str, policies: Sequence[Any], principal: Any, key: Any) -> Iterator[str]:
    for policy in policies:
        found = [one for one in policy["Statement"] if one.get("Sid") == edge.sid and one["Effect"] == "Allow"]
        granted = {
            action
            for one in found
            if _principal(one) == principal and key in _listed(one["Resource"]) and _lets_through(one, edge)
            for action in _listed(one["Action"])
        }
        for action in edge.actions:
            if action not in granted:
                yield f"{edge.id}: {where} does not grant {action} in '{edge.sid}'"


def _lets_through(statement: Mapping[str, Any], edge: Edge) -> bool:
    """Whether a grant that holds for some services alone holds for the edge's."""
    via = statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")
    return via is None or {"Fn::Sub": edge.via} in _listed(via)


def _principal(statement: Mapping[str, Any]) -> Any:
    """The principal as edges write it: placeholders in `${}`."""
    principal = statement.get("Principal")
    if principal and isinstance(principal.get("Service"), dict):
        return {"Service": principal["Service"]["Fn::Sub"]}
    return principal


def _listed(value: Any) -> list[Any]:
    """A key's ARN may stand there as Sub: the same as GetAtt."""
    several = value if isinstance(value, list) else [value]
    return [KEY["arn"] if one == {"Fn::Sub": "${DataKey.Arn}"} else one for one in several]


def table(edges: Edges) -> str:
    """The edges as Markdown."""
    lines = ["| who | does what | resource and setting | needs | by | AWS says |", "|---|---|---|---|---|---|"]
    for edge in edges.edges:
        needs = ", ".join(f"`{action}`" for action in edge.actions)
        where = f"`{edge.type.removeprefix('AWS::')}` {', '.join(edge.resources) or edge.named}".strip()
        page = edge.source.rpartition("/")[2].removesuffix(".html")
        lines.append(
            f"| {edge.who} | {edge.what} | {where}: `{edge.setting.rpartition('.')[2]}` | {needs} | {edge.grant} "
            f"| [{page}]({edge.source}) |"
        )
    excuses = ["| what | how and why |", "|---|---|", *(f"| {one.what} | {one.why} |" for one in edges.excuses)]
    return "\n".join([*lines, "", "Encrypted otherwise:", "", *excuses])


def page_with(text: str, edges: Edges) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(edges)}\n{END}{after}"


def main() -> int:
    wanted = page_with(PAGE.read_text(), load_edges())
    if "--write" in sys.argv:
        PAGE.write_text(wanted)
    return 0 if PAGE.read_text() == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
