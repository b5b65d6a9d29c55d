"""A lake of its own whose events go nowhere by themselves: the tests hand each to its function, as often as they like.

The stack, its functions, roles, jobs, queues and topic are the real ones. S3's events wait in the gate's queue, a
started execution ends at once, and what is said and told is kept in a queue each.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from deploy import deploy_stack, load_config, settings_of
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore
from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.kill_process import Killer, Moment, Victim
from tests.lake import Lake

PASS = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
_PATIENCE_SECONDS = 20
Event = dict[str, Any]


class Died(Exception):  # noqa: N818 (the outcome that is asked for)
    """The function's process ended without an answer."""


@dataclass(frozen=True)
class Kill:
    """One process that dies: at its write number `at`, counted from 1."""

    at: int
    moment: Moment


@dataclass(frozen=True)
class Queue:
    """Messages that arrived somewhere."""

    sqs: Any
    url: str

    def take(self, wanted: Callable[[Any], bool] = lambda _: True) -> list[tuple[str, Any]]:
        """Take all messages away; (body, what it says) of those that are wanted."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append((message["Body"], json.loads(message["Body"])))
        return [one for one in found if wanted(one[1])]

    def wait(self, wanted: Callable[[Any], bool]) -> tuple[str, Any]:
        """The last wanted message, which is on its way: EventBridge delivers a little later. Takes all away."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (found := self.take(wanted)):
            assert time.monotonic() < deadline, f"no such message in {self.url} after {_PATIENCE_SECONDS} s"
            time.sleep(0.02)
        return found[-1]


class KillLake:
    """The lake `kills` in the embedded AWS."""

    def __init__(self, aws: EmbeddedAws, prefix: str = "kills") -> None:
        config = replace(load_config("local"), prefix=prefix, email="")
        outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
        self.aws, self.lake = aws, Lake(aws, config, outputs, settings_of(outputs))
        self.s3, self.sqs, self.states = aws.client("s3"), aws.client("sqs"), aws.client("stepfunctions")
        self.glue = aws.client("glue")
        self.ledger = Ledger(aws.client("dynamodb"), self.settings.ledger_table)
        self._lambda: Any = aws.session().client(
            "lambda",
            endpoint_url=aws.endpoint_url,
            config=ClientConfig(read_timeout=300, retries={"total_max_attempts": 1}),
        )
        self._stop_events()
        self.arrivals = Queue(self.sqs, self.sqs.get_queue_url(QueueName=self.lake.named("gate"))["QueueUrl"])
        self.told, self.said = self._told(), self._said()

    @property
    def settings(self) -> Settings:
        return self.lake.settings

    @property
    def silver(self) -> SilverStore:
        """Silver as the administrator reaches it."""
        session: boto3.Session = self.aws.session()
        return SilverStore.on_s3(self.lake.bucket, session, {"AWS_ENDPOINT_URL": self.aws.endpoint_url})

    def put(self, key: str, body: str) -> Event:
        """A file arrives; the event of the gate's queue, as Lambda gives it to the gate."""
        self.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=body.encode())
        text, said = self.arrivals.wait(lambda one: one["detail"]["object"]["key"] == key)
        return {"Records": [{"messageId": said["id"], "body": text, "eventSource": "aws:sqs"}]}

    def invoke(
        self, function: str, event: Event, kill: Kill | None = None, between: Callable[[], None] = lambda: None
    ) -> tuple[Event, Killer]:
        """What a function answers, and what it wrote.

        One that is to die does; then `between` is called, and the function again, with the same event.
        """
        if kill is not None:
            killer = self._killer(function, kill)
            with self.aws.intercept(killer):
                try:
                    answer = self._answer(function, event)
                except Died:
                    assert killer.killed is not None, f"{function} died by itself: {killer.writes}"
                    tally.add("kills")
                    tally.add(f"kills:{function}")
                    between()
                else:
                    told = f"{function} was not killed at {kill}: it wrote {killer.writes} → {answer}"
                    raise AssertionError(f"{told}; asked {event}; the ledger says {self._run_of(event)}")
        counter = self._killer(function, Kill(0, "before"))
        with self.aws.intercept(counter):
            return self._answer(function, event), counter

    def executions(self, pipeline: str) -> list[str]:
        """A pipeline's executions, the first started first."""
        arn = self.settings.state_machine_arn_prefix + pipeline
        pages = self.states.get_paginator("list_executions").paginate(stateMachineArn=arn)
        listed = sorted((one for page in pages for one in page["executions"]), key=lambda one: one["startDate"])
        return [one["executionArn"] for one in listed]

    def started(self, pipeline: str, since: int = 0) -> list[Event]:
        """Inputs of a pipeline's executions, without the first `since`."""
        found = self.executions(pipeline)[since:]
        return [json.loads(self.states.describe_execution(executionArn=one)["input"]) for one in found]

    def _run_of(self, event: Event) -> object:
        """What the ledger says of the run that an event is about."""
        about = [event.get(name) for name in ("pipeline", "batch", "run_id")]
        return self.ledger.run(*about) if all(about) else None  # type: ignore[arg-type]

    def _answer(self, function: str, event: Event) -> Event:
        answer = self._lambda.invoke(FunctionName=self.lake.named(function), Payload=json.dumps(event).encode())
        found = json.loads(answer["Payload"].read())
        if "FunctionError" in answer and found["errorMessage"] == "Worker process died":
            raise Died(function)
        assert "FunctionError" not in answer, found
        return dict(found)

    def _killer(self, function: str, kill: Kill) -> Killer:
        from localaws import lambdas

        name = self.lake.named(function)
        return Killer(Victim(function, lambda: lambdas.process_ids(name)), kill.at, kill.moment)

    def _stop_events(self) -> None:
        """Nobody but the tests calls the functions and works through the steps of a run."""
        for mapping in self._lambda.list_event_source_mappings(FunctionName=self.lake.named("gate"))[
            "EventSourceMappings"
        ]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        events = self.aws.client("events")
        for rule in events.list_rules(NamePrefix=self.lake.config.prefix)["Rules"]:
            if not rule["Name"].endswith("-arrivals"):
                events.disable_rule(Name=rule["Name"])
        for machine in self.states.list_state_machines()["stateMachines"]:
            if machine["stateMachineArn"].startswith(self.settings.state_machine_arn_prefix):
                self.states.update_state_machine(stateMachineArn=machine["stateMachineArn"], definition=PASS)

    def _told(self) -> Queue:
        """What people are told."""
        queue, arn = self._queue("told")
        topic = self.settings.topic_arn
        self.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return queue

    def _said(self) -> Queue:
        """The lake's own events."""
        queue, arn = self._queue("said")
        events, name = self.aws.client("events"), self.lake.named("said")
        pattern = json.dumps({"source": [self.settings.event_source]})
        events.put_rule(Name=name, EventPattern=pattern, State="ENABLED")  # an earlier lake of this name stopped it
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return queue

    def _queue(self, name: str) -> tuple[Queue, str]:
        url = self.sqs.create_queue(QueueName=self.lake.named(name))["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return Queue(self.sqs, url), arn
