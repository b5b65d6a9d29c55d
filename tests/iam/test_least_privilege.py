"""The proof of least privilege: what a lake at work asks for is granted, nothing else is. See docs/permissions.md."""

import pytest

from localaws import EmbeddedAws
from tests.iam.actions import arns, expanded
from tests.iam.grants import documents
from tests.iam.proof import Proof
from tests.iam.reasons import FEW, reasons
from tests.iam.recording import Recording, record
from tests.iam.report import figures, line
from tests.iam.simulation import allows, listed, may_be_same, statements_of

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A lake at work, in a process of its own."""
    return record(tmp_path_factory.mktemp("record") / "record.json")


@pytest.fixture(scope="module")
def proof(recording: Recording) -> Proof:
    return Proof(recording)


def test_what_is_simulated_is_what_is_deployed(recording: Recording) -> None:
    deployed = {
        who: {repr(one) for document in found for one in statements_of(document)}
        for who, found in recording.deployed.items()
    }
    assert {who: {repr(one) for one in found} for who, found in recording.statements.items()} == deployed


def test_every_call_is_allowed_by_its_roles_policy(recording: Recording) -> None:
    denied = [call for call in recording.calls if not allows(recording.statements[call.role], call.request)]
    assert denied == []
    assert len(recording.calls) > 1000


def test_the_simulation_judges_as_the_embedded_aws_did(recording: Recording) -> None:
    assert [call for call in recording.calls if not call.allowed] == []


def test_the_simulation_judges_others_calls_as_the_embedded_aws_would(aws: EmbeddedAws, recording: Recording) -> None:
    """Every role is asked for a sample of what all others did: most of it is denied."""
    from ministack.core import iam_evaluator as iam

    differ, denied = [], 0
    sample = recording.calls[:: max(1, len(recording.calls) // 400)]
    for who, found in recording.deployed.items():
        policies = [iam.parse_policy_document(document) for document in found]
        for call in sample:
            request = call.request
            context = iam.EvalContext(
                principal_arn=f"arn:aws:sts::{aws.account_id}:assumed-role/{who}/x",
                principal_type="AssumedRole",
                principal_account=aws.account_id,
                action=request.action,
                resource_arn=request.resource,
                region=aws.region,
                service_context=dict(request.keys),
                principal_keys={key: value for key, value in request.keys.items() if key == "aws:userid"},
            )
            theirs = iam.evaluate(context, policies).decision == "Allow"
            denied += not theirs
            if theirs is not allows(recording.statements[who], request):
                differ.append((who, request))
    assert differ == []
    assert denied > 1000


def test_every_role_was_asked_something(recording: Recording) -> None:
    assert recording.roles.keys() - {call.role for call in recording.calls} == set()


def test_every_granted_action_exists() -> None:
    patterns = {
        (name, pattern)
        for name, document in documents().items()
        for one in document["Statement"]
        for pattern in listed(one["Action"])
    }
    assert [entry for entry in sorted(patterns) if not expanded(entry[1])] == []


def test_every_granted_action_is_used_or_has_a_reason(proof: Proof) -> None:
    found = [one for one in proof.grants if (one.document, one.action) in proof.unused_actions]
    assert reasons().without(found) == []


def test_removing_any_grant_denies_a_call_or_it_has_a_reason(proof: Proof) -> None:
    assert reasons().without(proof.needless) == []


def test_no_reason_is_stale(proof: Proof) -> None:
    assert reasons().stale(proof.needless) == []
    anywhere = {(one.document, one.sid) for one in proof.grants if one.resource == "*"}
    assert [one for one in reasons().any_resource if (one.document, one.sid) not in anywhere] == []


def test_every_statement_about_anything_has_a_reason(proof: Proof) -> None:
    written = {(one.document, one.sid) for one in reasons().any_resource}
    assert {(one.document, one.sid) for one in proof.grants if one.resource == "*"} - written == set()


def test_every_reason_says_something() -> None:
    assert [one for one in reasons().all if len(one.reason) < FEW] == []


def test_every_action_is_granted_on_resources_of_its_kind(proof: Proof) -> None:
    """On an ARN of another kind an action is granted for nothing."""
    wrong = {
        (one.grant.document, one.grant.action, resource)
        for one in proof.given
        for resource in one.statement.resources
        if resource != "*" and not any(may_be_same(kind, resource) for kind in arns(one.grant.action))
    }
    assert sorted(wrong) == []


def test_the_figures(recording: Recording, proof: Proof, capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(recording, proof)
    assert (found.removable, found.unused, found.refused) == (0, 0, 0)
    with capsys.disabled():
        print(f"\n{line(found)}")
