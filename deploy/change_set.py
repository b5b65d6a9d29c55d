"""A CloudFormation change set: proposed, carried out or thrown away."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deploy.stack_events import (
    FIRST_POLL_SECONDS,
    LIMIT_SECONDS,
    LONGEST_POLL_SECONDS,
    DeployError,
    Tell,
    delete_stack,
    describe,
    events,
    follow,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import ChangeSetTypeType
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, DescribeChangeSetOutputTypeDef, StackTypeDef

_CAPABILITIES = ("CAPABILITY_NAMED_IAM",)
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NEVER_CAME_UP = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""Such a stack cannot be updated, only removed."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""In the reason of a change set without changes, which CloudFormation calls FAILED.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html"""


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
    invalid = list(_invalid(client, ChangeSetName=made["Id"]))
    discard(client, proposed)
    reason = described.get("StatusReason", "no reason given")
    if known and any(text in reason for text in _NO_CHANGES):
        return None
    raise DeployError(f"CloudFormation cannot make a change set for stack '{stack}': " + "\n".join([reason, *invalid]))


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
    causes = [_line(event.logical_id, event.type, event.reason) for event in told if event.failed]
    causes = causes or list(_invalid(client, StackName=proposed.stack_id))
    if done and status in _NEVER_CAME_UP:
        delete_stack(client, proposed.stack_id, lambda _: None)
    raise DeployError(
        f"Stack '{proposed.stack}' ended as {status}:\n"
        + "\n".join(causes or ["- CloudFormation names no failed resource; see the stack's events"])
    )


def discard(client: "CloudFormationClient", proposed: ChangeSet) -> None:
    """Throw a change set away, and the empty stack that it made for itself where there was none."""
    client.delete_change_set(StackName=proposed.stack, ChangeSetName=proposed.name)
    if proposed.creates:
        client.delete_stack(StackName=proposed.stack)
        follow(client, proposed.stack_id, set(), lambda _: None)


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
    deadline, pause = time.monotonic() + LIMIT_SECONDS, FIRST_POLL_SECONDS
    while True:
        found = client.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return found
        if time.monotonic() > deadline:
            raise DeployError(f"Change set {change_set} is still {found['Status']} after 3 hours")
        time.sleep(pause)
        pause = min(LONGEST_POLL_SECONDS, pause * 1.5)


def _changes(client: "CloudFormationClient", stack: str, change_set: str) -> Iterator[Change]:
    for page in client.get_paginator("describe_change_set").paginate(StackName=stack, ChangeSetName=change_set):
        yield from map(_change, page["Changes"])


def _change(found: "ChangeTypeDef") -> Change:
    resource = found["ResourceChange"]
    replacement = resource.get("Replacement", "") if resource["Action"] == "Modify" else ""
    return Change(resource["Action"], resource["LogicalResourceId"], resource["ResourceType"], replacement)


def _invalid(client: "CloudFormationClient", **of: str) -> Iterator[str]:
    """A line for each resource that did not pass the validation before anything is made: such a failure is an event of
    the operation, and of no resource.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html"""
    for page in client.get_paginator("describe_events").paginate(**of):  # type: ignore[arg-type]
        for event in page["OperationEvents"]:
            if event.get("EventType") == "VALIDATION_ERROR":
                reason = event.get("ValidationStatusReason", "")
                yield _line(event.get("LogicalResourceId", ""), event.get("ResourceType", ""), reason)


def _line(logical_id: str, kind: str, reason: str) -> str:
    return f"- {logical_id} ({kind}): {reason or 'no reason given'}"
