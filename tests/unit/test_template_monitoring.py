"""Nothing in the template can fail unseen: an alarm and a line of the dashboard for each thing that does something."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from template_world import (
    FUNCTIONS,
    PIPELINES,
    RESOURCES,
    TEMPLATE,
    of_type,
    references,
    resources_of,
    write_pipeline,
)

from cli.main import app
from deploy import metrics
from deploy.alarm_kinds import ALARMS_FILE, alarm_kinds
from deploy.config import ConfigError, load_configs
from deploy.functions import needed_functions
from deploy.parts import alarms, dashboard
from lakehouse import metrics as own_metrics
from lakehouse.contract.load import pipelines
from scripts.document_monitoring import PAGE, page_text

Resources = Mapping[str, Any]


def expected_alarms(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    """The metrics that must have an alarm, by the logical id of what they are of, or the pipeline's name."""
    of_kind = {
        "AWS::Lambda::Function": {("AWS/Lambda", name) for name in ("Errors", "Throttles", "Duration")},
        "AWS::Glue::Job": {("Glue", "glue.error.ALL")},
        "AWS::StepFunctions::StateMachine": {
            ("AWS/States", name) for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        },
        "AWS::Events::Rule": {("AWS/Events", "FailedInvocations")},
    }
    own = {"BatchesOverdue", "RunsStuck", "BalanceMismatches", "RowsQuarantined", "RowsIn"}
    found = {name: of_kind[one["Type"]] for name, one in resources.items() if one["Type"] in of_kind}
    for name, queue in of_type("AWS::SQS::Queue", dict(resources)).items():
        metric = "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in queue else "ApproximateNumberOfMessagesVisible"
        found[name] = {("AWS/SQS", metric)}
    for machine in of_type("AWS::StepFunctions::StateMachine", dict(resources)).values():
        name = machine["StateMachineName"]["Fn::Sub"].removeprefix("${Prefix}-")
        found[name] = {("Lakegate", metric) for metric in own}
    return found


def metrics_of(resources: Resources, kind: str) -> dict[str, set[tuple[str, str]]]:
    """The metrics that alarms, or the dashboard, name, by what they are of."""
    found: dict[str, set[tuple[str, str]]] = {}
    for one in metrics.used({name: it for name, it in resources.items() if it["Type"] == kind}):
        of = one.dimensions.get("Pipeline") or next(iter(references({"Fn::Sub": " ".join(one.dimensions.values())})))
        found.setdefault(of, set()).add((one.namespace, one.name))
    return found


def alarmed(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    return metrics_of(resources, "AWS::CloudWatch::Alarm")


def shown(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    return metrics_of(resources, "AWS::CloudWatch::Dashboard")


def test_everything_that_can_fail_has_its_alarms() -> None:
    assert alarmed(RESOURCES) == expected_alarms(RESOURCES)


def test_a_pipeline_more_has_them_too(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "sixth", '[generator]\nrows = 1\nschedule = "rate(1 hour)"')
    resources = resources_of(tmp_path)
    assert alarmed(resources) == expected_alarms(resources)
    assert {"SixthGenerateFunction", "SixthWorkflow", "SixthGoldJob", "SixthGenerateRule", "sixth"} <= alarmed(
        resources
    ).keys()
    assert {"SixthGenerateFunction", "SixthWorkflow", "SixthGoldJob", "sixth"} <= shown(resources).keys()
    assert metrics.problems(resources) == []


@pytest.mark.parametrize("part", [alarms, dashboard])
def test_these_tests_see_a_function_that_is_forgotten(part: Any, tmp_path: Path) -> None:
    """The check itself: a resource taken out of what alarms and dashboard were made for is missed."""
    look: Callable[[Resources], Mapping[str, Any]] = alarmed if part is alarms else shown
    with_one_more = {**RESOURCES, "NewFunction": RESOURCES["GateFunction"]}
    assert "NewFunction" in expected_alarms(with_one_more).keys() - look(with_one_more).keys()


def test_every_alarm_tells_the_topic_what_happened_and_what_to_do() -> None:
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "Notifications"}], name
        assert alarm["EvaluationPeriods"] == 1, name
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", name
        assert alarm["TreatMissingData"] == "notBreaching", name  # nothing happened is what most periods say
        about = alarm["AlarmDescription"]
        assert "`lake " in about, name
        assert "{}" not in about, name
        assert len(about) <= 1024, name


def test_what_alarms_tell_to_do_are_commands_of_lake() -> None:
    """`lake runs`, `lake quarantine release`, …: each exists."""
    commands = command_names()
    for kind in alarm_kinds():
        said = re.findall(r"`lake ([^`]+)`", kind.act)
        assert said, kind.name
        for words in (text.split() for text in said):
            assert words[0] in commands or " ".join(words[:2]) in commands, words


def command_names() -> set[str]:
    """Every command of the command line, `group command` for those in a group."""
    found: set[str] = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        found |= {f"{name} {one}" for one in inner} or {name}
    return found


def test_an_alarm_of_a_duration_rings_before_the_timeout_in_every_environment() -> None:
    rows = TEMPLATE["Mappings"]["Environments"]
    for config in load_configs():
        for kind, size in config.functions.items():
            limit = rows[config.name][f"{kind.capitalize()}NearTimeoutMs"]
            assert limit == size.timeout_seconds * 1000 * 0.9
    for function in FUNCTIONS:
        alarm = RESOURCES[f"{''.join(part.capitalize() for part in function.who.split('-'))}NearTimeoutAlarm"]
        setting = f"{function.kind.capitalize()}NearTimeoutMs"
        assert alarm["Properties"]["Threshold"] == {"Fn::FindInMap": ["Environments", {"Ref": "Environment"}, setting]}


def test_an_unknown_field_of_an_alarm_is_refused(tmp_path: Path) -> None:
    text = ALARMS_FILE.read_text().replace('of = "rule"', 'of = "rules"')
    wrong = tmp_path / "alarms.toml"
    wrong.write_text(text)
    with pytest.raises(ConfigError, match=r"-undelivered: missing .* of 'rules'"):
        alarm_kinds(wrong)


def test_every_metric_is_emitted_by_somebody_of_something_in_the_template() -> None:
    assert metrics.problems(RESOURCES) == []


def test_every_metric_that_the_lake_counts_is_watched_or_shown() -> None:
    named = {one.name for one in metrics.used(RESOURCES) if one.namespace == own_metrics.NAMESPACE}
    assert named == set(own_metrics.UNITS)


def test_every_documented_metric_is_used() -> None:
    """The table holds nothing that nobody looks at."""
    assert {(one.namespace, one.name) for one in metrics.used(RESOURCES)} == set(metrics.documented())


SPOILT = {
    "a metric's name": ('"MetricName": "Throttles"', '"MetricName": "Throttled"', "nobody emits AWS/Lambda Throttled"),
    "its statistic": ('"Statistic": "Maximum"', '"Statistic": "p99"', "as p99"),
    "a dimension's name": ('"Name": "RuleName"', '"Name": "Rule"', "has dimensions ['Rule']"),
    "a resource": ('"Ref": "GateFunction"', '"Ref": "LakeBucket"', "no AWS::Lambda::Function of the template"),
    "a pipeline": ('"Value": "carts"', '"Value": "carted"', "carted: no pipeline of the template"),
    "the lake": ('"Value": {"Ref": "Prefix"}', '"Value": "lakegate"', "expected the stack's prefix"),
    "a job run": ('"Value": "ALL"', '"Value": "all"', "dimension JobRunId is all"),
    "a line of the dashboard": ('\\"AWS/SQS\\", \\"Approx', '\\"AWS/Sqs\\", \\"Approx', "nobody emits AWS/Sqs"),
    "a filter": ('EntireBucket\\"', 'WholeBucket\\"', "no metrics configuration"),
}


@pytest.mark.parametrize(("found", "spoilt", "said"), SPOILT.values(), ids=SPOILT.keys())
def test_a_metric_that_nobody_emits_is_a_problem(found: str, spoilt: str, said: str) -> None:
    text = json.dumps(RESOURCES)
    assert found in text
    problems = metrics.problems(json.loads(text.replace(found, spoilt)))
    assert problems
    assert all(said in problem for problem in problems if spoilt not in ('"Ref": "LakeBucket"',)), problems
    assert any(said in problem for problem in problems)


def test_the_page_on_monitoring_lists_every_kind_of_alarm() -> None:
    """docs/monitoring.md: `make docs` writes its table."""
    assert page_text(PAGE.read_text()) == PAGE.read_text()


def test_jobs_alarm_has_all_dimensions_of_glues_metric() -> None:
    """CloudWatch finds a metric only by all of its dimensions."""
    for pipeline in PIPELINES:
        alarm = RESOURCES[f"{pipeline.name.capitalize()}GoldJobAlarm"]["Properties"]
        dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        job = {"Ref": f"{pipeline.name.capitalize()}GoldJob"}
        assert dimensions == {"JobName": job, "JobRunId": "ALL", "Type": "count", "ObservabilityGroup": "error"}
    for job in of_type("AWS::Glue::Job").values():
        assert job["DefaultArguments"]["--enable-observability-metrics"] == "true"


def test_dashboard_shows_every_function_job_machine_queue_pipeline_and_the_bucket() -> None:
    found = shown(RESOURCES)
    for function in of_type("AWS::Lambda::Function"):
        names = ("Invocations", "Errors", "Duration", "Throttles")
        assert found[function] == {("AWS/Lambda", name) for name in names}
    for machine in of_type("AWS::StepFunctions::StateMachine"):
        assert {name for _, name in found[machine]} == {
            "ExecutionsSucceeded",
            "ExecutionsFailed",
            "ExecutionsTimedOut",
            "ExecutionsAborted",
            "ExecutionTime",
        }
    for job in of_type("AWS::Glue::Job"):
        assert {name for _, name in found[job]} >= {"glue.succeed.ALL", "glue.error.ALL"}
    for queue in of_type("AWS::SQS::Queue"):
        assert ("AWS/SQS", "ApproximateNumberOfMessagesVisible") in found[queue]
    for pipeline in PIPELINES:
        assert {name for _, name in found[pipeline.name]} == set(own_metrics.UNITS)
    assert {name for _, name in found["LakeBucket"]} == {
        "BucketSizeBytes",
        "NumberOfObjects",
        "AllRequests",
        "4xxErrors",
        "5xxErrors",
    }


def boards(folder: Path) -> list[dict[str, Any]]:
    """The dashboard of the five pipelines, and of a sixth alone."""
    write_pipeline(folder, "sixth")
    alone = tuple(pipelines(folder).values())
    return [dashboard.body(FUNCTIONS, PIPELINES), dashboard.body(needed_functions(alone), alone)]


def test_dashboards_are_as_cloudwatch_takes_them_and_overlap_nowhere(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html: a grid
    24 wide; https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html: 500 widgets, 500
    metrics a widget, 2,500 a dashboard."""
    for body in boards(tmp_path):
        taken: set[tuple[int, int]] = set()
        for widget in body["widgets"]:
            assert widget.keys() == {"type", "x", "y", "width", "height", "properties"}
            assert widget["properties"].keys() == {"title", "view", "region", "stat", "period", "metrics"}
            assert widget["x"] + widget["width"] <= 24
            cells = {
                (widget["x"] + dx, widget["y"] + dy) for dx in range(widget["width"]) for dy in range(widget["height"])
            }
            assert not cells & taken, widget["properties"]["title"]
            taken |= cells
            assert 0 < len(widget["properties"]["metrics"]) <= 500
        titles = [widget["properties"]["title"] for widget in body["widgets"]]
        assert len(set(titles)) == len(titles) <= 500
        assert sum(len(widget["properties"]["metrics"]) for widget in body["widgets"]) <= 2_500


def test_dashboard_sums_counts_and_averages_durations() -> None:
    by_title = {widget["properties"]["title"]: widget["properties"] for widget in boards_widgets()}
    for title, properties in by_title.items():
        average = any(word in title for word in ("average", "bytes", "objects"))
        highest = properties["metrics"][0][0] == "AWS/SQS" or any(w in title for w in ("overdue", "until", "longest"))
        assert properties["stat"] == ("Average" if average else "Maximum" if highest else "Sum"), title


def boards_widgets() -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = dashboard.body(FUNCTIONS, PIPELINES)["widgets"]
    return widgets


def test_the_buckets_requests_are_counted_under_the_name_that_the_dashboard_asks_for() -> None:
    assert RESOURCES["LakeBucket"]["Properties"]["MetricsConfigurations"] == [{"Id": "EntireBucket"}]
    assert (
        '"FilterId", "EntireBucket"' in of_type("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    )
