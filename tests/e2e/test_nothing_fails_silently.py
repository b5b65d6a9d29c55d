"""Whatever breaks is seen: the execution fails or the event is kept, an alarm rings, people get a mail.

Each function, each job and each step of the workflows is broken in a deployed lake, its work is caused, and everything
that a person would look at is looked at. Then it is put back, and time is let pass until every alarm is over.
"""

import email
import itertools
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import policy
from functools import partial
from pathlib import Path
from typing import Any

import breaking
import pytest

from deploy import deploy_stack, load_config, settings_of
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.generate import load_generator
from lakehouse.ledger.store import Ledger
from lakehouse.names import BRONZE
from localaws import EmbeddedAws
from tests.lake import Lake

PREFIX = "silent"
DEFAULT, SHIPPING, SALES, FOLLOWED = "transactions", "shipping", "sales", "carts"
"""A pipeline of the default workflow, the two that bring their own, and one with gold that follows gold."""
_DAYS = itertools.count()
_START = datetime(2026, 2, 1, 5, tzinfo=UTC)
_SECONDS = 120.0

Break = Callable[[Lake], AbstractContextManager[None]]


@dataclass(frozen=True)
class Case:
    """What is broken and what must be seen of it."""

    name: str
    broken: tuple[Break, ...]
    workflows: tuple[str, ...] = ()
    """Pipelines that get a file and whose execution must fail."""
    alarms: tuple[str, ...] = ()
    kept_in: str = ""
    """Queue of dead letters that must hold what could not be handled."""
    engine: str = "duckdb"
    cause: Callable[[Lake], None] | None = None
    """Causes the work, where it is not a file for `workflows`."""
    recorded: bool = True
    """The lake itself tells of the failure, too."""


def function(kind: str, who: str = "", condition: str = "True") -> Break:
    return partial(breaking.function, kind=kind, who=who, condition=condition)


def put_file(lake: Lake, pipeline: str, engine: str, folder: Path) -> None:
    """A new file of a pipeline in bronze, of a day of its own, in a batch that asks for an engine."""
    contract, day = pipelines()[pipeline], next(_DAYS)
    made = load_generator(contract)(folder / f"{pipeline}-{day}", rows=5, seed=day, at=_START + timedelta(days=day))
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    for path in made.values():
        key = f"{BRONZE}/{pipeline}/{path.relative_to(folder / f'{pipeline}-{day}').as_posix()}"
        place = place_of(key, pipelines())
        assert isinstance(place, Place)
        if ledger.batch(pipeline, place.batch).engine != engine:
            ledger.renew(pipeline, place.batch, engine)
        lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=path.read_bytes())


def invoke_later(who: str, event: Mapping[str, object]) -> Callable[[Lake], None]:
    """Invoke a function as EventBridge does."""

    def cause(lake: Lake) -> None:
        lake.client("lambda").invoke(
            FunctionName=lake.named(who), InvocationType="Event", Payload=json.dumps(event).encode()
        )

    return cause


def put_something(lake: Lake) -> None:
    """A file that the gate has to judge."""
    lake.client("s3").put_object(Bucket=lake.bucket, Key=f"{BRONZE}/x/y.csv", Body=b"1")


def publish_something(lake: Lake) -> None:
    """The event of a published table that another follows."""
    (table,) = {table.after for table in pipelines()[FOLLOWED].gold if table.after}
    detail = {"pipeline": FOLLOWED, "batch": "b", "run_id": "r", "table": table, "versions": {}, "slots": {}}
    entry = {"Source": PREFIX, "DetailType": "Gold Published", "Detail": json.dumps(detail)}
    lake.client("events").put_events(Entries=[entry])


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-01T03:00:00Z", "detail": {}}
EVERY = (DEFAULT, SHIPPING, SALES)
SELDOM = partial(breaking.patience, pipeline=SHIPPING, state="CrawlRaw", seconds=4)


def failed(*workflows: str) -> tuple[str, ...]:
    return tuple(f"{name}-failed" for name in workflows)


CASES = (
    Case("commit", (function("commit"),), EVERY, ("commit-errors", *failed(*EVERY))),
    Case("gold", (function("gold"),), EVERY, ("gold-errors", *failed(*EVERY))),
    Case("publish", (function("publish"),), EVERY, ("publish-errors", *failed(*EVERY))),
    Case("crawl", (function("crawl"),), (SHIPPING, SALES), ("crawl-errors", *failed(SHIPPING, SALES))),
    Case(
        "crawl of the published",
        (function("crawl", condition="event['crawler'].endswith('processed')"),),
        (SHIPPING,),
        ("crawl-errors", *failed(SHIPPING)),
    ),
    Case("crawled", (function("crawled"), SELDOM), (SHIPPING,), ("crawled-errors", *failed(SHIPPING)), "functions-dlq"),
    Case("a crawler", (partial(breaking.grant, who="crawler", action="s3:*"),), (SHIPPING,), failed(SHIPPING)),
    Case("load", (function("load"),), (SALES,), ("load-errors", *failed(SALES))),
    *(
        Case(
            f"{action} of the workflow",
            (partial(breaking.grant, who="workflow", action=action),),
            (SHIPPING,),
            failed(SHIPPING),
        )
        for action in ("athena:StartQueryExecution", "athena:GetQueryResults", "sns:Publish")
    ),
    *(
        Case(
            f"the job of {pipeline}",
            (partial(breaking.job, name=f"{pipeline}-gold"),),
            (pipeline,),
            (f"{pipeline}-gold-job", *failed(pipeline)),
            engine="spark",
        )
        for pipeline in EVERY
    ),
    Case(
        "failed",
        (function("failed"), function("commit")),
        EVERY,
        ("failed-errors", *failed(*EVERY)),
        recorded=False,
    ),
    Case(
        "gate",
        (function("gate"), partial(breaking.queue_patience, who="gate", seconds=1)),
        alarms=("gate-errors", "gate-dlq"),
        kept_in="gate-dlq",
        cause=put_something,
    ),
    Case(
        "derive",
        (function("derive"),),
        alarms=("derive-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=publish_something,
    ),
    Case(
        "compact",
        (function("compact"),),
        alarms=("compact-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=invoke_later("compact", SCHEDULED),
    ),
    Case(
        "generate",
        (function("generate", f"{DEFAULT}-generate"),),
        alarms=(f"{DEFAULT}-generate-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=invoke_later(f"{DEFAULT}-generate", SCHEDULED),
    ),
)


class Mails:
    """The mails that people get from now on."""

    def __init__(self, lake: Lake) -> None:
        self._folder = lake.aws.state.path / "mail"
        self._topic = lake.settings.topic_arn
        self._known = set(self._folder.glob("*.eml"))

    def about(self, subject: str) -> list[Any]:
        """Those whose subject begins so."""
        return [mail for mail in self._new() if mail["Subject"].startswith(subject)]

    def of(self, kind: str, pipeline: str) -> list[Any]:
        """Those of a kind about a pipeline."""
        named = ("X-Amz-Sns-Attribute-kind", "X-Amz-Sns-Attribute-pipeline")
        return [mail for mail in self._new() if [mail[name] for name in named] == [kind, pipeline]]

    def _new(self) -> list[Any]:
        paths = sorted(set(self._folder.glob("*.eml")) - self._known)
        mails = [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [mail for mail in mails if mail["X-Amz-Sns-Topic-Arn"] == self._topic]


def eventually(look: Callable[[], Any], what: str) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + _SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come in {_SECONDS:g} s"
        time.sleep(0.1)
    return found


def executions(lake: Lake, pipeline: str) -> dict[str, str]:
    """The status of every execution of a pipeline's workflow by its ARN."""
    machine = lake.settings.state_machine_arn_prefix + pipeline
    found = lake.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {one["executionArn"]: one["status"] for one in found}


def new_ones(lake: Lake, pipeline: str, known: Mapping[str, str]) -> list[str]:
    """How the executions since `known` ended; none while one still runs."""
    new = [status for arn, status in executions(lake, pipeline).items() if arn not in known]
    return [] if "RUNNING" in new else new


def ringing(lake: Lake) -> list[str]:
    """The lake's alarms that ring."""
    pages = (
        lake.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{PREFIX}-", StateValue="ALARM")
    )
    return [alarm["AlarmName"].removeprefix(f"{PREFIX}-") for page in pages for alarm in page["MetricAlarms"]]


def rings(lake: Lake, alarm: str) -> bool:
    """Whether an alarm rings."""
    return alarm in ringing(lake)


def waiting(lake: Lake, queue: str) -> int:
    """How many messages wait in a queue."""
    url = lake.client("sqs").get_queue_url(QueueName=lake.named(queue))["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    return int(lake.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def all_is_quiet(lake: Lake) -> None:
    """Take what is kept out of the queues and let time pass, until every alarm is over."""
    for queue in ("gate-dlq", "events-dlq", "functions-dlq"):
        url = lake.client("sqs").get_queue_url(QueueName=lake.named(queue))["QueueUrl"]
        lake.client("sqs").purge_queue(QueueUrl=url)
    lake.aws.clock.advance(301, fire=False)
    eventually(lambda: not ringing(lake), "quiet")


def definition(lake: Lake, pipeline: str) -> Any:
    """The workflow of a pipeline."""
    machine = lake.settings.state_machine_arn_prefix + pipeline
    return json.loads(lake.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"])


@pytest.fixture(scope="module")
def silent(aws: EmbeddedAws) -> Lake:
    """A lake of its own prefix, whose workflows wait little before they try again."""
    config = replace(load_config("local"), prefix=PREFIX)
    outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
    lake = Lake(aws, config, outputs, settings_of(outputs))
    for pipeline in EVERY:
        breaking.hurry(lake, pipeline)
    return lake


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_breaks_is_seen(silent: Lake, case: Case, tmp_path: Path) -> None:
    all_is_quiet(silent)
    before = {pipeline: executions(silent, pipeline) for pipeline in case.workflows}
    mails = Mails(silent)
    with ExitStack() as broken:
        for one in case.broken:
            broken.enter_context(one(silent))
        if case.cause:
            case.cause(silent)
        for pipeline in case.workflows:
            put_file(silent, pipeline, case.engine, tmp_path)
        for pipeline in case.workflows:
            ended = eventually(partial(new_ones, silent, pipeline, before[pipeline]), f"a run of {pipeline} to end")
            assert set(ended) == {"FAILED"}
        for alarm in case.alarms:
            eventually(partial(rings, silent, alarm), f"the alarm {alarm}")
            eventually(partial(mails.about, f'ALARM: "{silent.named(alarm)}"'), f"the mail of {alarm}")
        if case.kept_in:
            eventually(partial(waiting, silent, case.kept_in), f"a message in {case.kept_in}")
        for pipeline in case.workflows if case.recorded else ():
            eventually(partial(mails.of, "run_failed", pipeline), f"the lake's own mail on {pipeline}")


def test_a_lake_that_is_put_back_works(silent: Lake, tmp_path: Path) -> None:
    """Nothing of the above stays broken: the same work succeeds, and no alarm rings."""
    all_is_quiet(silent)
    before = {pipeline: executions(silent, pipeline) for pipeline in EVERY}
    for pipeline in EVERY:
        put_file(silent, pipeline, "duckdb", tmp_path)
    for pipeline in EVERY:
        ended = eventually(partial(new_ones, silent, pipeline, before[pipeline]), f"a run of {pipeline} to end")
        assert set(ended) == {"SUCCEEDED"}
    assert ringing(silent) == []


def test_every_function_and_every_task_is_broken_here(silent: Lake) -> None:
    """No function and no task of a workflow is left out when one is added."""
    functions = {
        name.removeprefix(f"{PREFIX}-")
        for page in silent.client("lambda").get_paginator("list_functions").paginate()
        for name in (one["FunctionName"] for one in page["Functions"])
        if name.startswith(f"{PREFIX}-")
    }
    generators = {name for name in functions if name.endswith("-generate")}
    cases = {case.name for case in CASES}
    assert functions - generators - cases == set()
    tasks = {
        name
        for pipeline in EVERY
        for name, state in definition(silent, pipeline)["States"].items()
        if state["Type"] == "Task"
    }
    assert tasks == {
        "Commit",
        "CrawlRaw",
        "GoldOnSpark",
        "GoldOnDuckdb",
        "Publish",
        "CrawlProcessed",
        "QueryTotals",
        "ReadTotals",
        "TellTotals",
        "LoadWarehouse",
        "RecordFailure",
    }
