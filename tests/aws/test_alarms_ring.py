"""Each kind of alarm rings in a deployed lake for its cause, and every metric that the template names was counted."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from alarm_causes import CAUSES, DAILY, ELSEWHERE, SLOW, SLOW_SECONDS, TOGETHER, Cause, put, run_job, wait_until

from deploy import deploy_stack, load_config, settings_of
from deploy.alarm_kinds import alarm_kinds
from deploy.metrics import used
from deploy.template import build_template
from localaws import EmbeddedAws
from tests.lake import Lake

PREFIX = "rings"


@pytest.fixture(scope="module")
def ringing(aws: EmbeddedAws) -> Lake:
    """A lake of its own, one of whose functions has little time."""
    config = load_config("local")
    little = replace(config.functions[SLOW], timeout_seconds=SLOW_SECONDS)
    config = replace(config, prefix=PREFIX, functions=MappingProxyType({**config.functions, SLOW: little}))
    outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
    return Lake(aws, config, outputs, settings_of(outputs))


def alarm(lake: Lake, name: str) -> Any:
    """An alarm as CloudWatch describes it."""
    (found,) = lake.client("cloudwatch").describe_alarms(AlarmNames=[lake.named(name)])["MetricAlarms"]
    return found


def test_a_run_of_every_kind_of_step_rings_nothing(ringing: Lake, tmp_path: Path) -> None:
    put(ringing, DAILY, tmp_path)
    states, arn = ringing.client("stepfunctions"), ringing.settings.state_machine_arn_prefix + DAILY

    def statuses() -> list[str]:
        return [one["status"] for one in states.list_executions(stateMachineArn=arn)["executions"]]

    wait_until(lambda: statuses() == ["SUCCEEDED"])
    run_job(ringing, "", "SUCCEEDED")
    ringing.aws.clock.advance(24 * 3600, fire=False)
    pages = ringing.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{PREFIX}-")
    states_of = {one["AlarmName"]: one["StateValue"] for page in pages for one in page["MetricAlarms"]}
    assert set(states_of.values()) == {"OK"}
    assert len(states_of) > 100


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())
def test_an_alarm_rings_for_its_cause(ringing: Lake, cause: Cause, tmp_path: Path) -> None:
    for name in cause.alarms:
        assert alarm(ringing, name)["StateValue"] == "OK"
    cause.happen(ringing, tmp_path)
    for name in cause.alarms:
        wait_until(lambda name=name: alarm(ringing, name)["StateValue"] == "ALARM")  # type: ignore[misc]


def test_every_kind_of_alarm_is_made_to_ring() -> None:
    made = CAUSES.keys() | TOGETHER.keys() | ELSEWHERE.keys()
    assert made == {kind.name for kind in alarm_kinds()}


def test_every_metric_that_the_template_names_was_counted(ringing: Lake) -> None:
    """By its namespace, its name and the names of its dimensions; of this lake. After the tests above."""
    pages = ringing.client("cloudwatch").get_paginator("list_metrics").paginate()
    counted = {
        (one["Namespace"], one["MetricName"], frozenset(part["Name"] for part in one["Dimensions"]))
        for page in pages
        for one in page["Metrics"]
        if any(PREFIX in part["Value"] for part in one["Dimensions"])
    }
    resources = json.loads(build_template())["Resources"]
    named = {(one.namespace, one.name, frozenset(one.dimensions)) for one in used(resources)}
    assert named - counted == set()
