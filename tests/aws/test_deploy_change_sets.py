"""A deployment is a change set: proposed, shown, carried out or thrown away."""

import json
from typing import Any

import pytest

from deploy.change_set import Change, discard, execute, propose
from deploy.stack_events import DeployError, StackEvent, describe
from localaws import EmbeddedAws


def template(**queues: dict[str, Any]) -> dict[str, str]:
    resources = {name: {"Type": "AWS::SQS::Queue", "Properties": one} for name, one in queues.items()}
    return {"TemplateBody": json.dumps({"Resources": resources})}


@pytest.fixture
def client(aws: EmbeddedAws) -> Any:
    return aws.client("cloudformation")


def waiting(client: Any, stack: str) -> list[str]:
    """Change sets that could still be carried out, or failed."""
    found = client.list_change_sets(StackName=stack)["Summaries"]
    return [one["ChangeSetName"] for one in found if one["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def apply(client: Any, stack: str, source: dict[str, str]) -> list[StackEvent]:
    told: list[StackEvent] = []
    proposed = propose(client, stack, source, {})
    assert proposed is not None
    execute(client, proposed, told.append)
    return told


def test_a_change_set_says_what_it_adds_changes_replaces_and_removes(client: Any) -> None:
    first = propose(client, "sets", template(A={"QueueName": "sets-a"}, B={"QueueName": "sets-b"}), {})
    assert first is not None
    assert first.creates is True
    assert first.changes == (Change("Add", "A", "AWS::SQS::Queue", ""), Change("Add", "B", "AWS::SQS::Queue", ""))
    told: list[StackEvent] = []
    execute(client, first, told.append)
    assert ("A", "CREATE_COMPLETE") in [(event.logical_id, event.status) for event in told]
    assert len({event.id for event in told}) == len(told)

    changed = template(A={"QueueName": "sets-other"}, C={"QueueName": "sets-c"})
    second = propose(client, "sets", changed, {})
    assert second is not None
    assert second.creates is False
    assert {(one.action, one.logical_id, one.replacement, one.destructive) for one in second.changes} == {
        ("Modify", "A", "True", True),
        ("Remove", "B", "", True),
        ("Add", "C", "", False),
    }
    discard(client, second)
    assert {
        one["LogicalResourceId"] for one in client.list_stack_resources(StackName="sets")["StackResourceSummaries"]
    } == {
        "A",
        "B",
    }
    assert waiting(client, "sets") == []


def test_nothing_to_change_is_no_change_set(client: Any) -> None:
    source = template(A={"QueueName": "same-a"})
    apply(client, "same", source)
    assert propose(client, "same", source, {}) is None
    assert waiting(client, "same") == []


def test_a_first_creation_that_is_declined_leaves_no_stack(client: Any) -> None:
    proposed = propose(client, "declined", template(A={"QueueName": "declined-a"}), {})
    assert proposed is not None
    discard(client, proposed)
    assert describe(client, "declined") is None


def test_a_first_creation_that_fails_names_the_cause_and_is_removed(aws: EmbeddedAws, client: Any) -> None:
    aws.client("s3").create_bucket(Bucket="taken-by-somebody")
    resources = {
        "Fine": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "failing-a"}},
        "Taken": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "taken-by-somebody"},
            "DependsOn": ["Fine"],
        },
    }
    proposed = propose(client, "failing", {"TemplateBody": json.dumps({"Resources": resources})}, {})
    assert proposed is not None
    with pytest.raises(DeployError) as failure:
        execute(client, proposed, lambda _: None)
    text = str(failure.value)
    assert text.startswith("Stack 'failing' ended as ROLLBACK_COMPLETE:\n- Taken (AWS::S3::Bucket): ")
    assert "taken-by-somebody" in text
    assert "Fine" not in text
    assert describe(client, "failing") is None
    apply(client, "failing", template(A={"QueueName": "failing-a"}))


def test_an_update_that_fails_leaves_the_stack_as_it_was(aws: EmbeddedAws, client: Any) -> None:
    apply(client, "updating", template(A={"QueueName": "updating-a"}))
    aws.client("s3").create_bucket(Bucket="taken-by-another")
    resources = {
        "A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "updating-a"}},
        "Taken": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "taken-by-another"}},
    }
    proposed = propose(client, "updating", {"TemplateBody": json.dumps({"Resources": resources})}, {})
    assert proposed is not None
    with pytest.raises(DeployError, match=r"ended as UPDATE_ROLLBACK_COMPLETE:\n- Taken"):
        execute(client, proposed, lambda _: None)
    found = describe(client, "updating")
    assert found is not None
    assert found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    apply(client, "updating", template(A={"QueueName": "updating-a", "DelaySeconds": 3}))


def test_a_template_that_is_refused_says_why_and_leaves_no_stack(client: Any) -> None:
    with pytest.raises(DeployError, match="CloudFormation refuses stack 'refused'"):
        propose(client, "refused", {"TemplateBody": "{"}, {})
    assert describe(client, "refused") is None
