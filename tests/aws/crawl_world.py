"""Workflows that wait for a crawler, driven by hand: the test stands in for the two Lambdas and may crash in them."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from crawling import Crawling, client, ndjson, new_world
from event_queue import queue_of_events
from gate_world import LEDGER_TABLE
from workflow import make_machine, wait_for_execution

from lakehouse.crawl.answer import answer, crawler_of
from lakehouse.crawl.ask import ask, request_of
from lakehouse.ledger.store import Ledger
from localaws import EmbeddedAws

SERVICES = ("dynamodb", "glue", "stepfunctions", "sqs")


class CrashError(Exception):
    """The Lambda died here."""


class Crash:
    """One call of the Lambdas, counted from 0 over all services, dies: before AWS sees it or after its effect."""

    def __init__(self, at: int = -1, when: str = "before-call") -> None:
        self.calls: list[str] = []
        self._at, self._when = at, when

    def before(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if self._when == "before-call" and len(self.calls) - 1 == self._at:
            raise CrashError(model.name)

    def after(self, model: Any, **_: Any) -> None:
        if self._when == "after-call" and len(self.calls) - 1 == self._at:
            raise CrashError(model.name)

    @contextlib.contextmanager
    def within(self, clients: dict[str, Any]) -> Iterator[None]:
        """Watch the calls of these clients."""
        watched = [("before-call.*.*", self.before), ("after-call.*.*", self.after)]
        for one in clients.values():
            for event, handler in watched:
                one.meta.events.register(event, handler)
        try:
            yield
        finally:
            for one in clients.values():
                for event, handler in watched:
                    one.meta.events.unregister(event, handler)


class CrawlWorld:
    """A crawler over one file, a ledger, and a state machine whose only task waits for the crawler."""

    def __init__(self, aws: EmbeddedAws, timeout_seconds: int = 60, retries: int = 3, **crawler: Any) -> None:
        name = f"waits-{uuid4().hex[:8]}"
        self.aws, self.crawler = aws, name
        self._clients = {service: client(aws, service) for service in SERVICES}
        self.glue, self.states = self._clients["glue"], self._clients["stepfunctions"]
        self._sqs, self._dynamodb = self._clients["sqs"], self._clients["dynamodb"]
        self.files: Crawling = new_world(aws, "waits")
        self.files.put("a.json", ndjson({"a": 1}))
        self.files.make(name, **crawler)
        self.table = f"{name}-ledger"
        self._dynamodb.create_table(TableName=self.table, **LEDGER_TABLE)
        pattern = {
            "source": ["aws.glue"],
            "detail-type": ["Glue Crawler State Change"],
            "detail": {"crawlerName": [name], "state": ["Succeeded", "Failed"]},
        }
        self.next_event = queue_of_events(aws, f"{name}-events", pattern)
        self._tokens = self._sqs.create_queue(QueueName=f"{name}-tokens")["QueueUrl"]
        self.machine = self._machine(timeout_seconds, retries)

    def _machine(self, timeout_seconds: int, retries: int) -> str:
        retry = {
            "ErrorEquals": ["States.ALL"],
            "JitterStrategy": "FULL",
            "IntervalSeconds": 1,
            "MaxAttempts": retries,
            "BackoffRate": 1,
        }
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {
                "QueueUrl": self._tokens,
                "MessageBody": {"token.$": "$$.Task.Token", "run_id.$": "$$.Execution.Name"},
            },
            "TimeoutSeconds": timeout_seconds,
            "Retry": [retry] if retries else [],
            "End": True,
        }
        allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
        return make_machine(self.aws, self.crawler, {"Wait": task}, allowed)

    def start(self, run: str) -> str:
        """Start an execution; its ARN."""
        return str(self.states.start_execution(stateMachineArn=self.machine, name=run)["executionArn"])

    def next_request(self) -> dict[str, str]:
        """What the next attempt of the task asks of the Lambda `crawl`."""
        message = self._sqs.receive_message(QueueUrl=self._tokens, WaitTimeSeconds=10)["Messages"][0]
        self._sqs.delete_message(QueueUrl=self._tokens, ReceiptHandle=message["ReceiptHandle"])
        return {"crawler": self.crawler, "pipeline": "p", "batch": "b", **json.loads(message["Body"])}

    def ledger(self) -> Ledger:
        return Ledger(self._dynamodb, self.table)

    def waiting(self) -> list[str]:
        """Tokens that wait for the crawler."""
        return [wait.token for wait in self.ledger().waiting_for_crawl(self.crawler)]

    def crawl(self, request: dict[str, str], crash: Crash | None = None) -> bool:
        """The Lambda `crawl`; as Step Functions does, its crash fails the task."""
        try:
            with (crash or Crash()).within(self._clients):
                return ask(request_of(request), self.ledger(), self.glue)
        except CrashError as error:
            self.states.send_task_failure(taskToken=request["token"], error="Lambda.Unknown", cause=str(error))
            raise

    def crawled(
        self, event: dict[str, Any], crash: Crash | None = None, sleep: Callable[[float], None] = lambda _: None
    ) -> dict[str, object]:
        """The Lambda `crawled`."""
        with (crash or Crash()).within(self._clients):
            return answer(crawler_of(event), self.ledger(), self.glue, self.states, sleep)

    def running(self, execution: str) -> bool:
        return bool(self.states.describe_execution(executionArn=execution)["status"] == "RUNNING")

    def ended(self, execution: str, seconds: float = 20) -> dict[str, Any]:
        return wait_for_execution(self.aws, execution, seconds)

    def crawls(self) -> int:
        """How many crawls have ended."""
        from ministack.services import glue

        return len(
            (glue._crawlers._data[self.aws.account_id, self.aws.region, self.crawler].get("Runs") or {})["Seconds"]
        )


class Held:
    """Holds crawls in the embedded AWS until `release`."""

    def __init__(self, monkeypatch: Any) -> None:
        from localaws.crawlers.crawl import Crawl

        self._go, self.began = threading.Event(), threading.Event()
        run: Callable[[Any], None] = Crawl.run

        def held(crawl: Any) -> None:
            self.began.set()
            self._go.wait(20)
            run(crawl)

        monkeypatch.setattr(Crawl, "run", held)

    def release(self) -> None:
        self._go.set()


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Look until something holds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds} s")
        time.sleep(0.02)
