"""The workflows as deployed, under their role: shipping to its totals, and every state that fails."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from workflow import wait_for_execution

from lakehouse import runs
from lakehouse.ledger.store import Ledger
from tests.further_rights import copy_role
from tests.lake import Lake

MACHINES = {
    "carts": ("Commit", "GoldOnSpark", "GoldOnDuckdb", "Publish", "RecordFailure"),
    "shipping": ("CrawlRaw", "CrawlProcessed", "QueryTotals", "ReadTotals", "TellTotals"),
    "sales": ("LoadWarehouse",),
}
"""The tasks of every definition, each where it is first met; elsewhere it is the same, see
tests/unit/test_workflow_definitions.py. carts stands for all that use the default workflow."""
STATES = [(pipeline, state) for pipeline, states in MACHINES.items() for state in states]
Edit = Callable[[dict[str, Any]], object]


def _broken_job(state: dict[str, Any]) -> None:
    state["Parameters"]["JobName"] += "-that-is-not-there"


def _broken_query(state: dict[str, Any]) -> None:
    state["Parameters"]["QueryString"] = "select nowhere from nothing"


def _broken_crawler(state: dict[str, Any]) -> None:
    state["Parameters"]["Payload"]["crawler"] += "-that-is-not-there"


BREAK: dict[str, Edit] = {
    "GoldOnSpark": _broken_job,
    "QueryTotals": _broken_query,
    "CrawlRaw": _broken_crawler,
    "CrawlProcessed": _broken_crawler,
}
"""How a state is made to fail. The others fail because of the pipeline in their input, which is none."""


class Mailbox:
    """A queue that is subscribed to the lake's topic."""

    def __init__(self, lake: Lake) -> None:
        self.sqs, sns = lake.client("sqs"), lake.client("sns")
        name = f"mailbox-{uuid4().hex[:8]}"
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{lake.aws.region}:{lake.aws.account_id}:{name}"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=lake.settings.topic_arn, Protocol="sqs", Endpoint=arn)
        self.letters: list[dict[str, Any]] = []

    def about(self, run_id: str, kind: str, at_least: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """The letters of one kind about a run, with the envelope's subject and attributes."""
        until = time.monotonic() + seconds
        while True:
            received = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
            for message in received.get("Messages", []):
                envelope = json.loads(message["Body"])
                about = {"Subject": envelope.get("Subject"), "Attributes": envelope.get("MessageAttributes")}
                said = json.loads(envelope["Message"])
                self.letters += [{**said, **about}] if isinstance(said, dict) else []  # a Glue job's end is a sentence
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            found = [one for one in self.letters if (one.get("run_id"), one.get("kind")) == (run_id, kind)]
            if not received.get("Messages") and (len(found) >= at_least or time.monotonic() > until):
                return found


@pytest.fixture(scope="module")
def mailbox(lake: Lake) -> Mailbox:
    return Mailbox(lake)


@pytest.fixture(scope="module")
def ledger(lake: Lake) -> Ledger:
    return Ledger(lake.client("dynamodb"), lake.settings.ledger_table)


@pytest.fixture
def no_waiting(lake: Lake) -> Iterator[None]:
    """Retries follow at once."""
    from ministack.services import stepfunctions

    before, stepfunctions._SFN_WAIT_SCALE = stepfunctions._SFN_WAIT_SCALE, 0
    yield
    stepfunctions._SFN_WAIT_SCALE = before


def run_from(lake: Lake, pipeline: str, state: str, given: dict[str, Any], edit: Edit | None = None) -> dict[str, Any]:
    """Run the deployed definition of a pipeline from one of its states on; the execution's end."""
    client = lake.client("stepfunctions")
    machine = client.describe_state_machine(stateMachineArn=lake.settings.state_machine_arn_prefix + pipeline)
    definition = copy.deepcopy(json.loads(machine["definition"]))
    definition["StartAt"] = state
    if edit:
        edit(definition["States"][state])
    name = f"{pipeline}-{state}-{uuid4().hex[:8]}"
    role = copy_role(lake, machine["roleArn"], f"{name}-states", "states.amazonaws.com")
    arn = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    started = client.start_execution(stateMachineArn=arn["stateMachineArn"], input=json.dumps(given))
    done = wait_for_execution(lake.aws, started["executionArn"], seconds=120)
    client.delete_state_machine(stateMachineArn=arn["stateMachineArn"])
    return done


def plan(run_id: str, pipeline: str = "nowhere", **more: object) -> dict[str, Any]:
    identity = {"pipeline": pipeline, "batch": "b", "run_id": run_id, "generation": 1, "manifest_hash": "m"}
    made = {"engine": "duckdb", "versions": {}, "slots": {}, "rows": {}, "manifest_bytes": 1, "overtaken": False}
    return {**identity, **made, "query": {"id": str(uuid4())}, **more}


def test_the_cases_are_all_tasks_of_all_definitions(lake: Lake) -> None:
    found = set()
    for pipeline in MACHINES:
        arn = lake.settings.state_machine_arn_prefix + pipeline
        definition = json.loads(lake.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"])
        found |= {name for name, state in definition["States"].items() if state["Type"] == "Task"}
    assert found == {state for _, state in STATES}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("pipeline", "state"), [one for one in STATES if one[1] != "RecordFailure"])
def test_a_state_that_fails_is_recorded_told_and_fails_the_execution(
    lake: Lake, mailbox: Mailbox, ledger: Ledger, pipeline: str, state: str
) -> None:
    run_id = f"{pipeline}-{state}"
    done = run_from(lake, pipeline, state, plan(run_id), BREAK.get(state))
    assert (done["status"], bool(done["error"]), bool(done["cause"])) == ("FAILED", True, True)
    run = ledger.run("nowhere", "b", run_id)
    assert run is not None
    assert run.status == "failed"
    assert str(run.error).startswith(done["error"])
    (letter,) = mailbox.about(run_id, "run_failed")
    assert done["error"] in letter["text"]
    assert letter["Attributes"]["kind"]["Value"] == "run_failed"


@pytest.mark.usefixtures("no_waiting")
def test_a_failure_that_cannot_be_recorded_is_still_the_failure_that_ends_the_execution(lake: Lake) -> None:
    given = {"error": {"Error": "CrawlerFailed", "Cause": "no such place"}}
    done = run_from(lake, "carts", "RecordFailure", given)
    assert (done["status"], done["error"]) == ("FAILED", "CrawlerFailed")
    assert done["cause"].startswith("no such place The failure could not be recorded either: ")
    assert "EventError" in done["cause"]


@pytest.mark.usefixtures("no_waiting")
def test_what_fails_after_the_publishing_is_told_and_the_run_stays_published(
    lake: Lake, mailbox: Mailbox, ledger: Ledger
) -> None:
    runs.published(ledger, "nowhere", "b", "after")
    done = run_from(lake, "shipping", "TellTotals", plan("after"))
    run = ledger.run("nowhere", "b", "after")
    assert run is not None
    assert (done["status"], run.status) == ("FAILED", "published")
    assert "States.QueryEvaluationError" in str(run.error)
    (letter,) = mailbox.about("after", "run_failed")
    assert "a later step failed" in letter["text"]


@pytest.mark.parametrize(("pipeline", "state"), [("shipping", "IsNewest"), ("sales", "IsNewest")])
def test_a_superseded_run_goes_no_further(lake: Lake, mailbox: Mailbox, pipeline: str, state: str) -> None:
    run_id = f"{pipeline}-superseded"
    done = run_from(lake, pipeline, state, plan(run_id, published={"outcome": "superseded"}))
    assert done["status"] == "SUCCEEDED"
    assert mailbox.about(run_id, "totals", at_least=0) == []


@pytest.mark.parametrize("pipeline", MACHINES)
def test_an_overtaken_run_goes_no_further(lake: Lake, pipeline: str) -> None:
    state = "ChooseEngine" if pipeline == "carts" else "IsOvertaken"
    assert run_from(lake, pipeline, state, plan(f"{pipeline}-over", overtaken=True))["status"] == "SUCCEEDED"


SHIPMENTS = (
    ("main_city", "1000.10", 10, 1000),
    ("main_city", "2000.20", 20, 2000),
    ("architect_city", "9999.99", 100, 10000),
)


def shipment(number: int, city: str, cost: str, distance: int, quantity: int) -> str:
    return (
        f'{{"shipping_id": {number}, "shipping_date": "2026/01/31", "customer_name": "Ann Example", "street_address": '
        f'"1 Some Street", "destination_city": "{city}", "shipping_cost": {cost}, "shipping_distance": {distance}, '
        f'"quantity": {quantity}}}\n'
    )


def test_shipping_goes_from_a_file_to_a_message_with_the_totals(lake: Lake, mailbox: Mailbox, ledger: Ledger) -> None:
    ledger.renew("shipping", "wf-totals", "duckdb")  # Spark is tried elsewhere; here it would only take time
    body = "".join(shipment(number, *one) for number, one in enumerate(SHIPMENTS))
    lake.client("s3").put_object(Bucket=lake.bucket, Key="bronze/shipping/shipments/wf-totals.json", Body=body.encode())
    until = time.monotonic() + 120
    while not (started := ledger.batch("shipping", "wf-totals").run_id):
        assert time.monotonic() < until
        time.sleep(0.2)
    arn = lake.settings.state_machine_arn_prefix.replace(":stateMachine:", ":execution:")
    done = wait_for_execution(lake.aws, f"{arn}shipping:{started}", seconds=120)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    run = ledger.run("shipping", "wf-totals", started)
    assert run is not None
    assert (run.status, run.engine) == ("published", "duckdb")
    (letter,) = mailbox.about(started, "totals")
    names = ("city", "total_cost", "total_distance", "total_fuel", "shipments")
    expected = [
        ("overall", "13000.29", "130", "13000", "3"),
        ("architect_city", "9999.99", "100", "10000", "1"),
        ("main_city", "3000.30", "30", "3000", "2"),
    ]
    assert letter["totals"] == [dict(zip(names, row, strict=True)) for row in expected]
    assert letter["Subject"] == letter["subject"] == "[shipping] Totals of 3 shipments: 13000.29 USD"
    assert "  main_city: 3000.30 USD, 30 km, 3000 litres of fuel, 2 shipments\n" in letter["text"]
    assert {name: one["Value"] for name, one in letter["Attributes"].items()} == {
        "kind": "totals",
        "pipeline": "shipping",
    }
    assert "Ann" not in json.dumps(letter)
