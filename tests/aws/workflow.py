"""Small state machines for tests."""

import json
import time
from typing import Any

from glue_job import make_role

from localaws import EmbeddedAws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def make_machine(aws: EmbeddedAws, name: str, states: dict[str, Any], *statements: dict[str, Any]) -> str:
    """A state machine whose role has the given statements; its ARN. The first state is where it starts."""
    role = make_role(aws, f"{name}-states", *statements, trust=TRUST)
    definition = {"StartAt": next(iter(states)), "States": states}
    answer = aws.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role
    )
    return str(answer["stateMachineArn"])


def execute(aws: EmbeddedAws, machine: str, seconds: float = 60, **start: Any) -> dict[str, Any]:
    """Start an execution and wait for its end."""
    arn = aws.client("stepfunctions").start_execution(stateMachineArn=machine, **start)["executionArn"]
    return wait_for_execution(aws, arn, seconds)


def wait_for_execution(aws: EmbeddedAws, arn: str, seconds: float = 60) -> dict[str, Any]:
    """The execution once it is over."""
    states, deadline = aws.client("stepfunctions"), time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: dict[str, Any] = states.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.1)
    raise AssertionError(f"{arn} still runs after {seconds} s")
