"""Nothing in the template can fail unseen: an alarm and a line of the dashboard for each thing that does something."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from template_world import FUNCTIONS, PIPELINES, RESOURCES, of_type, references, resources_of, write_pipeline

from deploy.parts import alarms, dashboard

Resources = Mapping[str, Any]


def expected_metrics(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    """The metrics that must have an alarm, by the logical id of what they are of."""
    of_kind = {
        "AWS::Lambda::Function": {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles")},
        "AWS::Glue::Job": {("Glue", "glue.error.ALL")},
        "AWS::StepFunctions::StateMachine": {
            ("AWS/States", name) for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        },
        "AWS::Events::Rule": {("AWS/Events", "FailedInvocations")},
    }
    found = {name: of_kind[one["Type"]] for name, one in resources.items() if one["Type"] in of_kind}
    for name, queue in of_type("AWS::SQS::Queue", dict(resources)).items():
        metric = "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in queue else "ApproximateNumberOfMessagesVisible"
        found[name] = {("AWS/SQS", metric)}
    return found


def alarmed(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    """The metrics that have an alarm, by what they are of."""
    found: dict[str, set[tuple[str, str]]] = {}
    for alarm in of_type("AWS::CloudWatch::Alarm", dict(resources)).values():
        (of,) = references(alarm["Dimensions"])
        found.setdefault(of, set()).add((alarm["Namespace"], alarm["MetricName"]))
    return found


def shown(resources: Resources) -> dict[str, set[tuple[str, str]]]:
    """The metrics that the dashboard shows, by what they are of."""
    (board,) = of_type("AWS::CloudWatch::Dashboard", dict(resources)).values()
    found: dict[str, set[tuple[str, str]]] = {}
    for widget in json.loads(board["DashboardBody"]["Fn::Sub"])["widgets"]:
        for metric in widget["properties"]["metrics"]:
            (of,) = references({"Fn::Sub": " ".join(metric[2:])})
            found.setdefault(of, set()).add((metric[0], metric[1]))
    return found


def test_everything_that_can_fail_has_its_alarms() -> None:
    assert alarmed(RESOURCES) == expected_metrics(RESOURCES)


def test_a_pipeline_more_has_them_too(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "sixth", '[generator]\nrows = 1\nschedule = "rate(1 hour)"')
    resources = resources_of(tmp_path)
    assert alarmed(resources) == expected_metrics(resources)
    assert {"SixthGenerateFunction", "SixthWorkflow", "SixthGoldJob", "SixthGenerateRule"} <= alarmed(resources).keys()
    assert {"SixthGenerateFunction", "SixthWorkflow", "SixthGoldJob"} <= shown(resources).keys()


@pytest.mark.parametrize("part", [alarms, dashboard])
def test_these_tests_see_a_function_that_is_forgotten(part: Any, tmp_path: Path) -> None:
    """The check itself: a resource taken out of what alarms and dashboard were made for is missed."""
    look: Callable[[Resources], Mapping[str, Any]] = alarmed if part is alarms else shown
    with_one_more = {**RESOURCES, "NewFunction": RESOURCES["GateFunction"]}
    assert "NewFunction" in expected_metrics(with_one_more).keys() - look(with_one_more).keys()


def test_every_alarm_tells_the_topic_on_the_first_occurrence_and_is_quiet_without_data() -> None:
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "Notifications"}], name
        assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 1), name
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["Threshold"] == (3600 if alarm["MetricName"] == "ApproximateAgeOfOldestMessage" else 1), name


def test_jobs_alarm_has_all_dimensions_of_glues_metric() -> None:
    """CloudWatch finds a metric only by all of its dimensions."""
    for pipeline in PIPELINES:
        alarm = RESOURCES[f"{pipeline.name.capitalize()}GoldJobAlarm"]["Properties"]
        dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        job = {"Ref": f"{pipeline.name.capitalize()}GoldJob"}
        assert dimensions == {"JobName": job, "JobRunId": "ALL", "Type": "count", "ObservabilityGroup": "error"}
    for job in of_type("AWS::Glue::Job").values():
        assert job["DefaultArguments"]["--enable-observability-metrics"] == "true"


def test_dashboard_shows_every_function_job_machine_queue_and_the_bucket() -> None:
    found = shown(RESOURCES)
    for function in of_type("AWS::Lambda::Function"):
        assert found[function] == {("AWS/Lambda", name) for name in ("Invocations", "Errors", "Duration")}
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
    assert {name for _, name in found["LakeBucket"]} == {
        "BucketSizeBytes",
        "NumberOfObjects",
        "AllRequests",
        "4xxErrors",
        "5xxErrors",
    }


def test_dashboard_averages_durations_sums_counts_and_overlaps_nowhere() -> None:
    body = dashboard.body(FUNCTIONS, PIPELINES)
    for widget in body["widgets"]:
        average = any(word in widget["properties"]["title"] for word in ("average", "bytes", "objects"))
        highest = widget["properties"]["metrics"][0][0] == "AWS/SQS"
        expected = "Average" if average else "Maximum" if highest else "Sum"
        assert widget["properties"]["stat"] == expected, widget["properties"]["title"]
        assert widget["x"] + widget["width"] <= 24
    places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
    assert len(set(places)) == len(places)
    assert {(x % 8, y % 6) for x, y in places} == {(0, 0)}


def test_the_buckets_requests_are_counted_under_the_name_that_the_dashboard_asks_for() -> None:
    assert RESOURCES["LakeBucket"]["Properties"]["MetricsConfigurations"] == [{"Id": "EntireBucket"}]
    assert (
        '"FilterId", "EntireBucket"' in of_type("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    )
