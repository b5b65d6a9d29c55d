"""A CloudFormation change set: proposed, described, carried out or thrown away, with its events as they happen."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse.errors import LakeError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import ChangeSetTypeType
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, DescribeChangeSetOutputTypeDef, StackTypeDef

STACK = "AWS::CloudFormation::Stack"
_CAPABILITIES = ("CAPABILITY_NAMED_IAM",)
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NEVER_CAME_UP = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""Such a stack cannot be updated, only removed."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""In the reason of a change set without changes, which CloudFormation calls FAILED.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html"""

_CONSEQUENCE = "cancelled"
"""In the reason of a resource that failed only because another did."""

_LIMIT_SECONDS = 3 * 3600.0
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.05, 5.0


class DeployError(LakeError):
    """The stack could not be brought to what was asked for. Lists the resources that failed and why."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    action: str
    """Add, Modify, Remove, Import or Dynamic."""
    logical_id: str
    type: str
    replacement: str
    """Of a modified resource: True, False or Conditional (CloudFormation knows when it does it); else empty."""

    @property
    def destructive(self) -> bool:
        """Whether the resource, with what it holds, is or may be lost."""
        return self.action in ("Remove", "Dynamic") or self.replacement in ("True", "Conditional")


@dataclass(frozen=True)
class ChangeSet:
    """What CloudFormation would do to a stack."""

    stack: str
    stack_id: str
    name: str
    creates: bool
    """Whether the stack is not there yet."""
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class StackEvent:
    """Something that happened to a resource of a stack."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str
    physical_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is a cause, not a consequence, of the stack's failure."""
        return self.status.endswith("_FAILED") and self.type != STACK and _CONSEQUENCE not in self.reason


Tell = Callable[[StackEvent], None]


def propose(
    client: "CloudFormationClient", stack: str, source: Mapping[str, str], parameters: Mapping[str, str]
) -> ChangeSet | None:
    """Make a change set that brings `stack` to a template (`TemplateBody` or `TemplateURL`); None: nothing changes.

    A stack whose creation failed, and which therefore holds nothing, is removed first.

    Raises:
        DeployError: CloudFormation refuses the template or its parameters, or the stack is not at rest.
    """
    known = _at_rest(client, stack)
    kind: ChangeSetTypeType = "UPDATE" if known else "CREATE"
    name = f"lake-{uuid.uuid4().hex}"
    try:
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType=kind,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=list(_CAPABILITIES),  # type: ignore[arg-type]
            **source,  # type: ignore[arg-type]
        )
    except ClientError as error:
        raise DeployError(f"CloudFormation refuses stack '{stack}': {error.response['Error']['Message']}") from error
    described = _settled(client, stack, name)
    proposed = ChangeSet(stack, made["StackId"], name, known is None, tuple(_changes(client, stack, name)))
    if described["Status"] != "FAILED":
        return proposed
    discard(client, proposed)
    reason = described.get("StatusReason", "no reason given")
    if known and any(text in reason for text in _NO_CHANGES):
        return None
    raise DeployError(f"CloudFormation cannot make a change set for stack '{stack}': {reason}")


def execute(client: "CloudFormationClient", proposed: ChangeSet, tell: Tell) -> None:
    """Carry out a change set and wait, telling each event.

    Raises:
        DeployError: the stack rolled back; one that was to be created is removed again.
    """
    before = {event.id for event in events(client, proposed.stack_id)}
    client.execute_change_set(
        StackName=proposed.stack, ChangeSetName=proposed.name, ClientRequestToken=uuid.uuid4().hex
    )
    told = follow(client, proposed.stack_id, before, tell)
    done = describe(client, proposed.stack_id)
    status = done["StackStatus"] if done else "DELETE_COMPLETE"
    if status in _DONE:
        return
    failed = [
        f"- {event.logical_id} ({event.type}): {event.reason or 'no reason given'}" for event in told if event.failed
    ]
    if done and status in _NEVER_CAME_UP:
        delete_stack(client, proposed.stack_id, lambda _: None)
    raise DeployError(
        f"Stack '{proposed.stack}' ended as {status}:\n"
        + "\n".join(failed or ["- CloudFormation names no failed resource; see the stack's events"])
    )


def discard(client: "CloudFormationClient", proposed: ChangeSet) -> None:
    """Throw a change set away, and the empty stack that it made for itself where there was none."""
    client.delete_change_set(StackName=proposed.stack, ChangeSetName=proposed.name)
    if proposed.creates:
        client.delete_stack(StackName=proposed.stack)
        follow(client, proposed.stack_id, set(), lambda _: None)


def delete_stack(client: "CloudFormationClient", stack_id: str, tell: Tell) -> list[StackEvent]:
    """Delete a stack and wait, telling each event; returns those that happened meanwhile."""
    before = {event.id for event in events(client, stack_id)}
    client.delete_stack(StackName=stack_id)
    return follow(client, stack_id, before, tell)


def describe(client: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    """A stack by name, or by id when it may be deleted; None: there is none."""
    try:
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def follow(client: "CloudFormationClient", stack_id: str, known: set[str], tell: Tell) -> list[StackEvent]:
    """Wait until nothing of a stack is in progress, and tell each event but the `known` ones, oldest first."""
    deadline, pause = time.monotonic() + _LIMIT_SECONDS, _FIRST_POLL_SECONDS
    told: list[StackEvent] = []
    while True:
        found = describe(client, stack_id)
        new = [event for event in events(client, stack_id) if event.id not in known]
        for event in reversed(new):
            tell(event)
            told.append(event)
        known = known | {event.id for event in new}
        if not found or not found["StackStatus"].endswith("_IN_PROGRESS"):
            return told
        if time.monotonic() > deadline:
            raise DeployError(f"Stack '{found['StackName']}' is still {found['StackStatus']} after 3 hours")
        time.sleep(pause)
        pause = min(_LONGEST_POLL_SECONDS, pause * 1.5)


def _at_rest(client: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    """The stack if it can be updated; None if it is to be created."""
    known = describe(client, stack)
    status = known["StackStatus"] if known else "REVIEW_IN_PROGRESS"  # a change set's that was never carried out
    if known and status in _NEVER_CAME_UP:
        delete_stack(client, known["StackId"], lambda _: None)
        return _at_rest(client, stack)
    if known is None or status == "REVIEW_IN_PROGRESS":
        return None
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"Stack '{stack}' is {status}: somebody changes it now. Wait, then deploy again")
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"Stack '{stack}' is {status}: mend what its events name, then "
            f"aws cloudformation continue-update-rollback --stack-name {stack}"
        )
    return known


def _settled(client: "CloudFormationClient", stack: str, change_set: str) -> "DescribeChangeSetOutputTypeDef":
    deadline, pause = time.monotonic() + _LIMIT_SECONDS, _FIRST_POLL_SECONDS
    while True:
        found = client.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return found
        if time.monotonic() > deadline:
            raise DeployError(f"Change set {change_set} is still {found['Status']} after 3 hours")
        time.sleep(pause)
        pause = min(_LONGEST_POLL_SECONDS, pause * 1.5)


def _changes(client: "CloudFormationClient", stack: str, change_set: str) -> Iterator[Change]:
    for page in client.get_paginator("describe_change_set").paginate(StackName=stack, ChangeSetName=change_set):
        yield from map(_change, page["Changes"])


def _change(found: "ChangeTypeDef") -> Change:
    resource = found["ResourceChange"]
    replacement = resource.get("Replacement", "") if resource["Action"] == "Modify" else ""
    return Change(resource["Action"], resource["LogicalResourceId"], resource["ResourceType"], replacement)


def events(client: "CloudFormationClient", stack_id: str) -> list[StackEvent]:
    """A stack's events, newest first."""
    return [
        StackEvent(
            event["EventId"],
            event.get("LogicalResourceId", ""),
            event.get("ResourceType", ""),
            event.get("ResourceStatus", ""),
            event.get("ResourceStatusReason", ""),
            event.get("PhysicalResourceId", ""),
        )
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for event in page["StackEvents"]
    ]
