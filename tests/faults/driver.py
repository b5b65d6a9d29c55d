"""Plays what stands between producers, the lake's functions and AWS: S3's events, SQS, Lambda, EventBridge and Step
Functions, each of which delivers at least once, late and in any order. It does what a schedule says, keeps what AWS
really accepted, and never looks into the product.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from localaws.interception import Answer, Request
from tests.faults.contents import MARKER, Content
from tests.faults.network import Attempt
from tests.faults.reader import Reader
from tests.faults.recomputation import AFTER
from tests.faults.world import Crashed, Event, World, message

RETRIES = {"commit": 3, "gold": 2, "publish": 3, "failed": 3}
"""Of Step Functions, as lakehouse/workflow.asl.json says."""
TYPICAL_CALLS = {"gate": 14, "commit": 40, "gold": 18, "publish": 18, "derive": 26, "failed": 3}


@dataclass
class Message:
    """One SQS message."""

    id: str
    key: str
    version_id: str
    done: bool = False


@dataclass
class Execution:
    """One execution that Step Functions accepted, and where the driver is with it."""

    given: dict[str, Any]
    state: str = "commit"
    plan: Event = field(default_factory=dict)
    tries: int = 0
    error: str = ""
    repeated: bool = False
    """A step of it was done once more after the next one had begun."""
    unrecorded: bool = False
    """Even the failure could not be recorded: the execution fails, and the alarm on failed executions tells people."""

    @property
    def name(self) -> str:
        return str(self.given["run_id"])

    @property
    def place(self) -> tuple[str, str]:
        return self.given["pipeline"], self.given["batch"]

    @property
    def ended(self) -> bool:
        return self.state in ("published", "overtaken", "failed_for_good")


@dataclass
class Published:
    """One `Gold Published` that EventBridge accepted."""

    event: Event
    done: bool = False


@dataclass(frozen=True)
class Told:
    """One message that SNS accepted."""

    id: str
    kind: str
    details: Mapping[str, Any]
    attempt: Attempt


@dataclass(frozen=True)
class Verdict:
    """One revision of a slot that DynamoDB accepted."""

    key: str
    revision: int
    version_id: str
    file_id: str


@dataclass
class Upload:
    """One version of an object."""

    version_id: str
    content: Content


class Driver:
    """One lake and all that is under way in it."""

    def __init__(self, world: World, order: int = 0) -> None:
        self.world = world
        self.order = Random(order)
        self.uploads: defaultdict[str, list[Upload]] = defaultdict(list)
        self.markers: set[str] = set()
        self.inbox: list[Message] = []
        self.executions: dict[str, Execution] = {}
        self.published: list[Published] = []
        self.told: list[Told] = []
        self.verdicts: list[Verdict] = []
        self.attempts: list[tuple[str, Attempt]] = []
        self.by_content: dict[tuple[str, str], Content] = {}
        self.reader = Reader(world, self.by_content)
        self.depth = 0
        self.spark = False
        """Gold is made by the Glue job instead of the Lambda."""
        world.cloud.network.heard = self._hear

    # Producers

    def upload(self, key: str, content: Content, events: int = 1) -> None:
        """Store an object; S3 tells of it, once or several times."""
        version_id = self.world.put(key, content.body)
        if content is MARKER:
            self.markers.add(key)
        else:
            self.uploads[key].append(Upload(version_id, content))
            self.by_content[key, content.sha256] = content
        self.inbox += [Message(f"m{len(self.inbox) + number}", key, version_id) for number in range(events)]

    # Deliveries. Each answers whether it ended well.

    def deliver(self, message_: Message, attempt: Attempt | None = None) -> bool:
        """SQS gives a message to the gate. Whatever goes wrong, it will come again."""
        done = self._try("gate", message(self.world, message_.key, message_.id, message_.version_id), attempt)
        message_.done = message_.done or done
        return done

    def step(self, execution: Execution, attempt: Attempt | None = None) -> bool:
        """Step Functions tries the state that an execution is in, and moves on or, after the last try, fails."""
        state = execution.state
        given = execution.plan or execution.given
        if state == "failed":
            given = {**given, "error": {"Error": "States.TaskFailed", "Cause": execution.error}}
        answer: list[Event] = []
        handler = "gold_on_spark" if state == "gold" and self.spark else state
        done = self._try(handler, given, attempt, answer)
        if execution.state != state:  # tried twice at once, and the other try was heard of first
            execution.repeated = True
            return done
        if done:
            execution.tries = 0
            self._move_on(execution, answer[0])
            return True
        execution.tries += 1
        execution.error = f"try {execution.tries} of {state}"
        if execution.tries > RETRIES[state]:
            execution.tries = 0
            execution.unrecorded = state == "failed"
            execution.state = "failed_for_good" if state == "failed" else "failed"
        return False

    def repeat(self, execution: Execution, attempt: Attempt | None = None) -> bool:
        """Lambda runs a step once more that had ended well: its answer was lost on the way."""
        before = {"gold": "commit", "publish": "gold", "published": "publish"}.get(execution.state)
        if before is None:
            return True
        given = execution.given if before == "commit" else execution.plan
        execution.repeated = True
        return self._try(before, given, attempt)

    def derive(self, published: Published, attempt: Attempt | None = None) -> bool:
        """EventBridge gives an event to those who follow it."""
        done = self._try("derive", published.event, attempt)
        published.done = published.done or done
        return done

    def invoke(self, handler: str, event: Event, attempt: Attempt | None = None) -> bool:
        """Something else calls a function: a schedule, a person."""
        return self._try(handler, event, attempt)

    def settle_everything(self) -> None:
        """The faults have stopped: all that is delivered at least once is delivered, in any order, until nothing is
        under way."""
        while True:
            work: list[Any] = [lambda one=one: self.deliver(one) for one in self.inbox if not one.done]
            work += [lambda one=one: self.step(one) for one in self.executions.values() if not one.ended]
            work += [lambda one=one: self.derive(one) for one in self.published if not one.done]
            if not work:
                return
            self.order.shuffle(work)
            for one in work:
                one()

    def finish(self) -> None:
        """All that must come comes: what is delivered at least once, the sweeper half an hour later, and a person who
        asks again. A gate may die with a message that SQS does not bring again: a repeat of one that is deleted."""
        self.settle_everything()
        at = datetime.now(UTC) + timedelta(minutes=30)
        assert self.invoke("sweep", {"time": at.isoformat()})
        self.settle_everything()
        while self.ask_again():
            self.settle_everything()

    def ask_again(self) -> bool:
        """A person asks for the runs anew that failed for good and that no newer one stands for; were there any?"""
        failed = [one for one in self.executions.values() if one.state == "failed_for_good"]
        asked = False
        for execution in failed:
            pipeline, batch = execution.place
            if self.world.ledger.batch(pipeline, batch).generation == execution.given["generation"]:
                self._renew(pipeline, batch)
                asked = True
        return asked

    def _renew(self, pipeline: str, batch: str) -> None:
        from lakehouse.batches.start import start_if_complete
        from lakehouse.ledger.store import Ledger

        with self.world.inside(0, Attempt()):
            clients = self.world.cloud.container(0).clients
            ledger = Ledger(clients["dynamodb"], self.world.settings.ledger_table)
            state = ledger.renew(pipeline, batch, None)
            arn = f"{self.world.settings.state_machine_arn_prefix}{pipeline}"
            start_if_complete(self.world.pipelines[pipeline], state, ledger, clients["stepfunctions"], arn)

    def _try(self, handler: str, event: Event, attempt: Attempt | None, answer: list[Event] | None = None) -> bool:
        attempt = attempt or Attempt()
        self.attempts.append((handler, attempt))
        container, self.depth = self.depth, self.depth + 1
        try:
            found = self.world.invoke(handler, event, attempt, container)
        except Crashed:
            return False
        except (Exception, BaseExceptionGroup):
            if not attempt.faults:
                raise
            return False
        finally:
            self.depth = container
            if self.world.cloud.network.gold_touched:
                self.world.cloud.network.gold_touched = False
                self.reader.look()
        if answer is not None:
            answer.append(found)
        return True

    def _move_on(self, execution: Execution, answer: Event) -> None:
        match execution.state:
            case "commit":
                execution.plan = answer
                execution.state = "overtaken" if answer["overtaken"] else "gold"
            case "gold":
                execution.state = "publish"
            case "publish":
                execution.state = "published"
            case "failed":
                execution.state = "failed_for_good"

    # What AWS accepted

    def _hear(self, request: Request, answer: Answer, attempt: Attempt) -> None:
        """Called in the server's thread, once the effect is there."""
        if answer.status != 200:
            return
        match request.operation:
            case "StartExecution":
                given = json.loads(request.json["input"])
                if given["run_id"] not in self.executions:
                    self.executions[request.json["name"]] = Execution({**given, "run_id": request.json["name"]})
                    self.reader.runs[request.json["name"]] = (given["pipeline"], given["batch"])
            case "PutEvents":
                for entry in request.json["Entries"]:
                    detail = json.loads(entry["Detail"])
                    if detail["table"] in AFTER:
                        event = {"detail-type": entry["DetailType"], "source": entry["Source"], "detail": detail}
                        self.published.append(Published(event))
            case "Publish":
                found = json.loads(json.loads(request.form["Message"])["default"])
                self.told.append(Told(found["id"], found["kind"], found, attempt))
            case "TransactWriteItems":
                verdict = _verdict(request.json["TransactItems"][0]["Put"]["Item"])
                if verdict not in self.verdicts:  # the SDK's repeat has the same token, and no effect
                    self.verdicts.append(verdict)


def _verdict(item: Mapping[str, Any]) -> Verdict:
    return Verdict(
        key=item["key"]["S"],
        revision=int(item["revision"]["N"]),
        version_id=item["judged_version_id"]["S"],
        file_id=item["file_id"]["S"],
    )
