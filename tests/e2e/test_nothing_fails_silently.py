"""Whatever breaks is seen: the execution fails or the event is kept, an alarm rings, people get a mail.

Each function, each job and each step of the workflows is broken in a deployed lake, its work is caused, and everything
that a person would look at is looked at. Then it is put back, and time is let pass until every alarm is over.
"""

import email
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from email import policy
from functools import partial
from pathlib import Path
from typing import Any

import breaking
import pytest
from silent_cases import CASES, EVERY, PREFIX, Case, put_file

from deploy import deploy_stack, load_config, settings_of
from lakehouse.contract.load import pipelines
from localaws import EmbeddedAws
from tests.lake import Lake

_SECONDS = 120.0


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


def jobs_of(lake: Lake) -> list[str]:
    """The lake's Glue jobs."""
    pages = lake.client("glue").get_paginator("get_jobs").paginate()
    names = [job["Name"] for page in pages for job in page["Jobs"]]
    return [name for name in names if name.startswith(f"{PREFIX}-")]


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
    for pipeline in pipelines():
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
    jobs = {f"the job of {job.removeprefix(f'{PREFIX}-').removesuffix('-gold')}" for job in jobs_of(silent)}
    assert functions | jobs <= {case.name for case in CASES}
    assert len(functions) > 10
    assert len(jobs) == len(pipelines())
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
