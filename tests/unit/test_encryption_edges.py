"""`kms/edges.toml` is true and whole: each edge is in the template, none is missing, and each check can fail."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from template_world import RESOURCES, TEMPLATE, of_type

from deploy.encryption import EDGES_FILE, KEY, PAGE, Edge, load_edges, page_with, problems, value_at
from lakehouse.errors import ContractError

FILE = load_edges()
EDGES = {edge.id: edge for edge in FILE.edges}
IAM = Path(__file__).resolve().parents[2] / "iam"
KMS = re.compile(r"kms.*key|key.*kms", re.IGNORECASE)
ENCRYPTED = {"s3": "${LakeBucket}", "sqs": "${Prefix}-", "dynamodb": "${Prefix}-ledger"}
"""What is encrypted of a service is named so; of the others, all is."""


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_the_template_has_the_setting_and_the_grant(edge: Edge) -> None:
    assert problems(TEMPLATE, edge) == []


def without_settings(edge: Edge, found: dict[str, Any]) -> Iterator[str]:
    """Take the setting away from each of the edge's resources, one after the other; what was done."""
    for name, resource in found["Resources"].items():
        chosen = resource["Type"] == edge.type and (name in edge.resources or not edge.resources)
        path, _, last = edge.setting.rpartition(".")
        parent = value_at(resource["Properties"], path) if path else resource["Properties"]
        if not chosen or not isinstance(parent, dict) or last not in parent:
            continue
        if edge.named and edge.named not in json.dumps(resource["Properties"]["LogGroupName"]):
            continue
        before = parent.pop(last)
        yield f"{name} without {last}"
        parent[last] = "alias/aws/other"
        yield f"{name} with another key"
        parent[last] = before


def without_grants(edge: Edge, found: dict[str, Any]) -> Iterator[str]:
    """Take the grant away, action by action and as a whole, from each role's document or the key policy."""
    policies = [(found["Resources"]["DataKey"]["Properties"]["KeyPolicy"], "key policy")]
    if edge.documents:
        roles = [one for one in found["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
        every = [policy for role in roles for policy in role["Properties"]["Policies"]]
        policies = [(one["PolicyDocument"], one["PolicyName"]) for one in every if one["PolicyName"] in edge.documents]
    for policy, name in policies:
        statement = next(one for one in policy["Statement"] if one.get("Sid") == edge.sid)
        before = copy.deepcopy(statement)
        for action in edge.actions:
            granted = before["Action"] if isinstance(before["Action"], list) else [before["Action"]]
            statement["Action"] = [one for one in granted if one != action]
            yield f"{name} without {action}"
            statement.update(copy.deepcopy(before))
        for change in ({"Effect": "Deny"}, {"Resource": "arn:aws:kms:::key/other"}, {"Sid": "Another"}):
            statement.update(change)
            yield f"{name} with {change}"
            statement.update(copy.deepcopy(before))
        if "kms:ViaService" in before.get("Condition", {}).get("StringEquals", {}):
            statement["Condition"] = {"StringEquals": {"kms:ViaService": [{"Fn::Sub": "ec2.amazonaws.com"}]}}
            yield f"{name} by way of another service"
            statement.update(copy.deepcopy(before))
        if edge.principal:
            statement["Principal"] = {"Service": "another.amazonaws.com"}
            yield f"{name} for another service"
            statement.update(copy.deepcopy(before))


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_the_check_fails_without_the_setting_and_without_any_of_the_grants(edge: Edge) -> None:
    found = copy.deepcopy(TEMPLATE)
    for changes, at_least in ((without_settings(edge, found), 2), (without_grants(edge, found), len(edge.actions) + 3)):
        done = 0
        for what in changes:
            assert problems(found, edge), what
            done += 1
        assert done >= at_least
    assert found == TEMPLATE, "every change was undone"


def calls_of(document: str) -> set[str]:
    """The calls on encrypted things that a policy document allows."""
    found = set()
    for statement in json.loads((IAM / f"{document}.json").read_text())["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        where = json.dumps(statement["Resource"])
        found |= {action for action in actions if ENCRYPTED.get(action.split(":")[0], "") in where}
    return found


@pytest.mark.parametrize("document", sorted(path.stem for path in IAM.glob("*.json")))
def test_every_call_on_something_encrypted_is_an_edge(document: str) -> None:
    told = {call for edge in FILE.edges if document in edge.documents for call in edge.calls}
    known = {call for edge in FILE.edges for call in edge.calls}
    missing = calls_of(document) & known - told
    assert not missing, f"{document} calls {sorted(missing)}: name it in an edge of kms/edges.toml"


@pytest.mark.parametrize("edge", [edge for edge in FILE.edges if edge.calls], ids=lambda edge: str(edge.id))
def test_whoever_is_named_does_call(edge: Edge) -> None:
    idle = [document for document in edge.documents if not calls_of(document) & set(edge.calls)]
    assert idle == []


def kms_properties(kind: str) -> set[str]:
    """Names of a resource type's properties, at any depth, that take a KMS key: by CloudFormation's own schema."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {name for name in property_names(schema) if KMS.search(name)}


def property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}) if isinstance(schema.get("properties"), dict) else ()
        for inner in schema.values():
            yield from property_names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from property_names(inner)


def key_paths(value: Any, path: str = "") -> Iterator[str]:
    """Where in a resource's properties the data key is named."""
    if value in (KEY["arn"], KEY["id"]):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from key_paths(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from key_paths(inner, f"{path}.{place}".lstrip("."))


OF_THE_KEY = {"AWS::KMS::Key", "AWS::KMS::Alias", "AWS::IAM::Role", "AWS::S3::BucketPolicy"}
"""What names the key and encrypts nothing."""


def test_whatever_can_take_a_key_has_ours_or_an_excuse() -> None:
    excused = {excuse.type for excuse in FILE.excuses if excuse.type}
    takes = {kind for kind in {one["Type"] for one in RESOURCES.values()} - OF_THE_KEY if kms_properties(kind)}
    assert {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"} <= takes
    bare = [
        name
        for name, one in RESOURCES.items()
        if one["Type"] in takes - excused and not list(key_paths(one["Properties"]))
    ]
    assert bare == []
    assert excused <= takes, "an excuse for what is not there or takes no key"


def test_wherever_the_key_is_named_it_is_an_edge() -> None:
    named = {
        (one["Type"], path)
        for one in RESOURCES.values()
        if one["Type"] not in OF_THE_KEY
        for path in key_paths(one["Properties"])
    }
    assert named == {(edge.type, edge.setting) for edge in FILE.edges if edge.value != "configuration"}


def test_every_service_in_the_key_policy_is_an_edge() -> None:
    statements = json.loads((EDGES_FILE.parent / "data.json").read_text())["Statement"]
    services = {(one["Sid"], one["Principal"]["Service"]) for one in statements if "Service" in one["Principal"]}
    assert services == {(edge.sid, edge.principal) for edge in FILE.edges if edge.principal}
    assert all("Condition" in one for one in statements if "Service" in one["Principal"])


def test_there_is_one_key_and_it_is_rotated() -> None:
    (key,) = of_type("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    assert RESOURCES["DataKey"]["UpdateReplacePolicy"] == "Retain"


def test_the_page_shows_the_edges_and_where_aws_says_so() -> None:
    assert page_with(PAGE.read_text(), FILE) == PAGE.read_text(), "python -m deploy.encryption --write"
    assert all(edge.source.startswith("https://docs.aws.amazon.com/") for edge in FILE.edges)


def test_an_edge_that_is_written_wrongly_is_named(tmp_path: Path) -> None:
    edge = 'id = "e"\nwho = "w"\nwhat = "w"\ntype = "t"\nsetting = "s"\nsource = "s"\nactions = []\n'
    path = tmp_path / "edges.toml"
    for text, said in (
        (f"[[edge]]\n{edge}", "needs either"),
        (f'[[edge]]\n{edge}documents = ["d"]\nprincipal = "p"\n', "needs either"),
        (f'[[edge]]\n{edge}documents = ["d"]\nextra = 1\n', "unknown"),
        (f'[[edge]]\n{edge}documents = ["d"]\n' * 2, "several"),
    ):
        path.write_text(text + '[[excuse]]\nwhat = "w"\nwhy = "w"\n')
        with pytest.raises(ContractError, match=said):
            load_edges(path)
