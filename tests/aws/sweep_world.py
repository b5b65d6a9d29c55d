"""A small lake with a sweeper, which works under `iam/sweep.json`, at moments that a test names."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from gate_world import PASS, World, events, orders, users

from lakehouse.contract.model import Deadlines
from lakehouse.gate.settle import Settler
from lakehouse.ledger.items import RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.sweep.sweep import Sweeper, Swept

WAIT: dict[str, Any] = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL: dict[str, Any] = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Boom", "Cause": "It broke"}}}
SERVICES = ("dynamodb", "stepfunctions", "sns")
FILES = {"users": users, "events": events, "orders": orders}


@dataclass
class SweepWorld(World):
    """A lake of one pipeline, `activity`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pipelines = {"activity": replace(self.pipelines["activity"], deadlines=Deadlines(60, 30))}
        keys = self.credentials("sweep")
        self.sweep_session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )

    def sweep_clients(self) -> dict[str, Any]:
        """Clients with the sweeper's rights."""
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)
        url = self.aws.endpoint_url
        return {name: self.sweep_session.client(name, endpoint_url=url, config=config) for name in SERVICES}

    def sweep(self, minutes: float = 20, by: str = "s1", clients: dict[str, Any] | None = None) -> list[Swept]:
        """What one sweep does, so many minutes from now."""
        found = clients or self.sweep_clients()
        ledger = Ledger(found["dynamodb"], self.settings.ledger_table)
        settler = Settler(ledger, found["stepfunctions"], found["sns"], self.settings, self.pipelines)
        return Sweeper(settler, by, datetime.now(UTC) + timedelta(minutes=minutes)).sweep_all()

    def bring(self, batch: str, *datasets: str) -> None:
        """A good file of each dataset, through the gate."""
        for dataset in datasets:
            event = self.put(f"bronze/activity/{dataset}/{batch}/f.json", FILES[dataset](1))
            self.gate().handle(event, f"m-{batch}-{dataset}")

    def run(self, batch: str) -> RunRecord:
        """The one run of a batch."""
        (run_id,) = self.runs(batch)
        found = self.ledger.run("activity", batch, run_id)
        assert found is not None
        return found

    def execution(self, run_id: str) -> str:
        """An execution's ARN."""
        return f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{run_id}"

    def ended(self, run_id: str) -> str:
        """The status of an execution once it has ended."""
        until = time.monotonic() + 10
        while True:
            status = self.stepfunctions.describe_execution(executionArn=self.execution(run_id))["status"]
            if status != "RUNNING" or time.monotonic() > until:
                return str(status)
            time.sleep(0.05)

    @contextmanager
    def workflow(self, definition: dict[str, Any]) -> Iterator[None]:
        """Executions started meanwhile do this."""
        arn = self.state_machine_arn
        self.stepfunctions.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
        try:
            yield
        finally:
            self.stepfunctions.update_state_machine(stateMachineArn=arn, definition=json.dumps(PASS))

    def told(self, kind: str, at_least: int = 0) -> list[dict[str, Any]]:
        """The messages of a kind; waits until there are so many."""
        until = time.monotonic() + 10
        while True:
            self.messages("no key is called so")
            found = [one for one in self.letters if one["kind"] == kind]
            if len(found) >= at_least or time.monotonic() > until:
                return found
            time.sleep(0.02)


def done(swept: list[Swept]) -> list[tuple[str, str]]:
    """What was done to which batch."""
    return [(one.what, one.batch) for one in swept]
