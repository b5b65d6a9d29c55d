"""A small lake with a sweeper, which works under `iam/sweep.json`, at moments that a test names."""

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from gate_world import LEDGER_TABLE, PASS, World, events, orders, users

from lakehouse.contract.model import Deadlines
from lakehouse.gate.settle import Settler
from lakehouse.ledger.items import RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.sweep.sweep import Sweeper, Swept

WAIT: dict[str, Any] = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL: dict[str, Any] = {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Boom", "Cause": "It broke"}}}
SERVICES = ("dynamodb", "stepfunctions", "sns")
FILES = {"users": users, "events": events, "orders": orders}


class KilledError(Exception):
    """The process died here."""


@dataclass
class Mortal:
    """Clients of a process that may die at one of its calls: before AWS sees it, or after its effect."""

    clients: dict[str, Any]
    at: int = -1
    """Which call, counted from 0; -1: none."""
    before: str = ""
    """Or: before the first call of this operation."""
    when: str = "before-call"
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for client in self.clients.values():
            client.meta.events.register("before-call.*.*", self._before)
            client.meta.events.register("after-call.*.*", self._after)

    def destine(self, at: int = -1, before: str = "", when: str = "before-call") -> "Mortal":
        """Where to die from now on."""
        self.at, self.before, self.when, self.calls = at, before, when, []
        return self

    def _before(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if (self.when == "before-call" and len(self.calls) - 1 >= self.at >= 0) or model.name == self.before:
            raise KilledError(model.name)

    def _after(self, model: Any, **_: Any) -> None:
        if self.when == "after-call" and len(self.calls) - 1 >= self.at >= 0:
            raise KilledError(model.name)


@dataclass
class SweepWorld(World):
    """A lake of one pipeline, `activity`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pipelines = {"activity": replace(self.pipelines["activity"], deadlines=Deadlines(60, 45))}
        keys = self.credentials("sweep")
        self.sweep_session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )

        self.lambda_ = self.sweep_clients()
        self.dying = Mortal(self.sweep_clients())
        """A sweeper that may die."""
        self.dying_gate = Mortal(self.new_clients())

    def clear(self) -> None:
        """As new: no ledger, no executions, no letters."""
        from ministack.services import stepfunctions

        self.messages("no key is called so")
        self.letters.clear()
        self.workflow(PASS)
        self.dynamodb.delete_table(TableName=self.settings.ledger_table)
        self.dynamodb.create_table(TableName=self.settings.ledger_table, **LEDGER_TABLE)
        for arn in [one for one in stepfunctions._executions if one.startswith(self.execution(""))]:
            stepfunctions._executions.pop(arn)

    def kill_gate(self, key: str, body: str | bytes, before: str) -> None:
        """A file's gate dies before a call, and its message is gone."""
        with pytest.raises(KilledError):
            self.gate(self.dying_gate.destine(before=before).clients).handle(self.put(key, body), f"m-{key}")

    def sweep_clients(self) -> dict[str, Any]:
        """Clients with the sweeper's rights."""
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)
        url = self.aws.endpoint_url
        return {name: self.sweep_session.client(name, endpoint_url=url, config=config) for name in SERVICES}

    def sweep(self, minutes: float = 20, by: str = "s1", clients: dict[str, Any] | None = None) -> list[Swept]:
        """What one sweep does, so many minutes from now."""
        found = clients or self.lambda_
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

    def workflow(self, definition: dict[str, Any]) -> None:
        """Executions started from now on do this. An execution that has just been started may do it, too."""
        arn = self.state_machine_arn
        self.stepfunctions.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))

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
