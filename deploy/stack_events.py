"""A CloudFormation stack as it is and as it changes: described, waited for, deleted, its events one by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse.errors import LakeError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

STACK = "AWS::CloudFormation::Stack"
_CONSEQUENCE = "cancelled"
"""In the reason of a resource that failed only because another did."""

LIMIT_SECONDS = 3 * 3600.0
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.05, 5.0


class DeployError(LakeError):
    """The stack could not be brought to what was asked for. Lists the resources that failed and why."""


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
    deadline, pause = time.monotonic() + LIMIT_SECONDS, FIRST_POLL_SECONDS
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
        pause = min(LONGEST_POLL_SECONDS, pause * 1.5)


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
