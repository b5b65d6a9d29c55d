"""AWS services count what they do, alarms follow at once and go back when their period is over."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alarm_queue import topic_with_queue
from glue_job import make_job, run_job
from test_localaws_cloudformation import deploy
from test_localaws_lambdas import invoke, make_function
from workflow import execute, make_machine

from localaws import EmbeddedAws


def wait_for(check: Callable[[], Any], seconds: float = 10) -> Any:
    """What `check` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"{check} gave {found!r} for {seconds} s"
        time.sleep(0.05)
    return found


def total(aws: EmbeddedAws, namespace: str, name: str, stat: str = "Sum", **dimensions: str) -> float:
    """A metric's statistic over the last hour."""
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=[stat],
    )["Datapoints"]
    return float(sum(point[stat] for point in points))


def put_alarm(aws: EmbeddedAws, name: str, **settings: Any) -> None:
    """An alarm on one value or more in five minutes."""
    known = {"Period": 300, "Statistic": "Sum"} if "Metrics" not in settings else {}
    defaults = {
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**defaults, **known, **settings})


def state(aws: EmbeddedAws, name: str) -> str:
    """An alarm's state."""
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def count(aws: EmbeddedAws, name: str, value: float, **dimensions: str) -> None:
    """Put one value of a metric in the namespace Test."""
    named = [{"Name": key, "Value": one} for key, one in dimensions.items()]
    datum = {"MetricName": name, "Value": value, "Dimensions": named}
    aws.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[datum])


def test_an_alarm_rings_at_once_and_is_ok_when_its_period_is_over(aws: EmbeddedAws) -> None:
    topic, told = topic_with_queue(aws, "alarm-rings")
    dimensions = [{"Name": "Thing", "Value": "mine"}]
    put_alarm(
        aws,
        "rings",
        Namespace="Test",
        MetricName="Broken",
        Dimensions=dimensions,
        AlarmActions=[topic],
        OKActions=[topic],
    )
    assert told()["NewStateValue"] == "OK"  # as on AWS: from INSUFFICIENT_DATA
    count(aws, "Broken", 5, Thing="another")
    count(aws, "Broken", 0, Thing="mine")
    assert state(aws, "rings") == "OK"
    count(aws, "Broken", 1, Thing="mine")
    assert state(aws, "rings") == "ALARM"
    message = told()
    assert message["subject"] == 'ALARM: "rings" in US East (N. Virginia)'
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["Trigger"]["Dimensions"] == [{"name": "Thing", "value": "mine"}]
    aws.clock.advance(290, fire=False)
    assert state(aws, "rings") == "ALARM"
    aws.clock.advance(15, fire=False)
    assert state(aws, "rings") == "OK"
    assert "was treated as [NonBreaching]" in told()["NewStateReason"]


@pytest.mark.parametrize(
    ("treat", "expected"), [("missing", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK")]
)
def test_missing_data_is_treated_as_the_alarm_says(aws: EmbeddedAws, treat: str, expected: str) -> None:
    name = f"missing-{treat}"
    put_alarm(aws, name, Namespace="Test", MetricName=name, TreatMissingData=treat)
    assert state(aws, name) == expected


def test_an_alarm_may_want_m_of_n_periods(aws: EmbeddedAws) -> None:
    put_alarm(aws, "two-of-three", Namespace="Test", MetricName="Slow", EvaluationPeriods=3, DatapointsToAlarm=2)
    count(aws, "Slow", 1)
    aws.clock.advance(301, fire=False)
    assert state(aws, "two-of-three") == "OK"
    count(aws, "Slow", 1)
    assert state(aws, "two-of-three") == "ALARM"
    aws.clock.advance(601, fire=False)
    assert state(aws, "two-of-three") == "OK"


def stat(metric: str) -> dict[str, Any]:
    """A metric's sum as part of metric math."""
    return {"Metric": {"Namespace": "Test", "MetricName": metric, "Dimensions": []}, "Period": 60, "Stat": "Sum"}


@pytest.mark.parametrize(
    ("expression", "rings"),
    [
        ("bad / all * 100", True),
        ("bad - all", False),
        ("SUM([bad, all])", True),
        ("SUM(METRICS()) > 12", False),
        ("FILL(none, 7)", True),
        ("none + all", False),
        ("IF(bad > 1, all, 0)", True),
        ("MAX([bad, FILL(none, 0)]) - 2", False),
    ],
)
def test_metric_math_rings(aws: EmbeddedAws, expression: str, rings: bool) -> None:
    put_math(aws, "math", expression)
    aws.clock.advance(61, fire=False)
    count(aws, "MathBad", 2)
    count(aws, "MathAll", 10)
    assert state(aws, "math") == ("ALARM" if rings else "OK")
    aws.client("cloudwatch").delete_alarms(AlarmNames=["math"])


def put_math(aws: EmbeddedAws, name: str, expression: str) -> None:
    parts = {"bad": "MathBad", "all": "MathAll", "none": "MathNone"}
    metrics = [{"Id": key, "MetricStat": stat(metric), "ReturnData": False} for key, metric in parts.items()]
    put_alarm(aws, name, Metrics=[*metrics, {"Id": "shown", "Expression": expression}], Threshold=1)


def test_metric_math_that_is_not_known_is_refused(aws: EmbeddedAws) -> None:
    errors = aws.client("cloudwatch").exceptions
    for wrong in ("ANOMALY_DETECTION_BAND(all)", "bad +", "__import__('os')", "other + 1"):
        with pytest.raises(errors.ClientError):
            put_math(aws, "wrong-math", wrong)


def test_a_template_may_hold_metric_math(aws: EmbeddedAws) -> None:
    queries = [
        {"Id": "bad", "MetricStat": stat("TemplateBad"), "ReturnData": False},
        {"Id": "shown", "Expression": "FILL(bad, 0) * 2"},
    ]
    properties = {
        "AlarmName": "of-a-template",
        "Metrics": queries,
        "EvaluationPeriods": 1,
        "Threshold": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    }
    deploy(aws, "math-stack", {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})
    assert wait_for(lambda: state(aws, "of-a-template") == "OK")
    count(aws, "TemplateBad", 1)
    assert state(aws, "of-a-template") == "ALARM"


def test_every_invocation_of_a_function_is_counted(aws: EmbeddedAws) -> None:
    text = "def handler(event, context):\n    if event.get('bad'): raise ValueError('bad')\n    return 1"
    name = make_function(aws, "counted", text)
    put_alarm(
        aws,
        "counted",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
    )
    invoke(aws, name, {})
    assert state(aws, "counted") == "OK"
    invoke(aws, name, {"bad": 1})
    assert wait_for(lambda: state(aws, "counted") == "ALARM")
    assert total(aws, "AWS/Lambda", "Invocations", FunctionName=name) == 2
    assert total(aws, "AWS/Lambda", "Errors", FunctionName=name) == 1


def test_what_a_function_says_in_the_embedded_metric_format_is_counted(aws: EmbeddedAws) -> None:
    directive = {
        "Namespace": "Own",
        "Dimensions": [["Place"], ["Place", "Kind"]],
        "Metrics": [{"Name": "Rows", "Unit": "Count"}, {"Name": "Times"}],
    }
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "Place": "here", "Kind": "a"}
    without_a_value = {**line, "Rows": 5}
    text = f"""
import json
def handler(event, context):
    print(json.dumps({{**{line!r}, "Rows": 3, "Times": [1, 2]}}), flush=True)
    print(json.dumps({without_a_value!r}), '{{"_aws": 1}}', "_aws", sep="\\n", flush=True)
"""
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    invoke(aws, make_function(aws, "says", text, allow), {})
    assert wait_for(lambda: total(aws, "Own", "Rows", Place="here")) == 3
    assert total(aws, "Own", "Rows", Place="here", Kind="a") == 3
    assert total(aws, "Own", "Times", Place="here") == 3
    assert total(aws, "Own", "Times", "SampleCount", Place="here") == 2
    assert total(aws, "Own", "Rows", Kind="a") == 0


def test_an_event_that_a_function_cannot_handle_is_tried_three_times_and_kept(aws: EmbeddedAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="async-dlq")["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:async-dlq"
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    text = "def handler(event, context): raise ValueError('never')"
    make_function(aws, "never", text, allow, DeadLetterConfig={"TargetArn": arn})
    put_alarm(
        aws,
        "async-dlq",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Statistic="Maximum",
        Dimensions=[{"Name": "QueueName", "Value": "async-dlq"}],
    )
    aws.client("lambda").invoke(FunctionName="never", InvocationType="Event", Payload=b'{"a": 1}')
    assert wait_for(lambda: state(aws, "async-dlq") == "ALARM", 20)
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], VisibilityTimeout=0)["Messages"]
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"]) == {"a": 1}
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == ("200", "never")
    assert total(aws, "AWS/Lambda", "Errors", FunctionName="never") == 3
    aws.clock.advance(3600, fire=False)
    assert state(aws, "async-dlq") == "ALARM"  # it still waits there
    sqs.purge_queue(QueueUrl=url)
    aws.clock.advance(301, fire=False)
    assert state(aws, "async-dlq") == "OK"


def test_a_function_whose_role_may_not_send_loses_the_event_and_says_so(aws: EmbeddedAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="closed-dlq")["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:closed-dlq"
    name = make_function(aws, "may-not-send", "def handler(event, context): 1 / 0", DeadLetterConfig={"TargetArn": arn})
    aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert wait_for(lambda: total(aws, "AWS/Lambda", "DeadLetterErrors", FunctionName=name) == 1, 20)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_rule_that_may_not_reach_its_target_says_so_and_keeps_the_event(aws: EmbeddedAws) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    make_function(aws, "shut", "def handler(event, context): return 1")
    url = sqs.create_queue(QueueName="rule-dlq")["QueueUrl"]
    queue = f"arn:aws:sqs:{aws.region}:{aws.account_id}:rule-dlq"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    rule = events.put_rule(Name="shut-rule", EventPattern='{"source": ["shut"]}')["RuleArn"]
    target = f"arn:aws:lambda:{aws.region}:{aws.account_id}:function:shut"
    events.put_targets(Rule="shut-rule", Targets=[{"Id": "1", "Arn": target, "DeadLetterConfig": {"Arn": queue}}])
    events.put_events(Entries=[{"Source": "shut", "DetailType": "x", "Detail": '{"n": 1}'}])
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (rule, target)
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    counted = ("Invocations", "FailedInvocations", "TriggeredRules", "InvocationsSentToDlq")
    assert [total(aws, "AWS/Events", name, RuleName="shut-rule") for name in counted] == [1, 1, 1, 1]
    assert total(aws, "AWS/Lambda", "Invocations", FunctionName="shut") == 0


@pytest.mark.parametrize(
    ("end", "metric", "status"),
    [
        ({"Type": "Succeed"}, "ExecutionsSucceeded", "SUCCEEDED"),
        ({"Type": "Fail", "Error": "No", "Cause": "no"}, "ExecutionsFailed", "FAILED"),
        ({"Type": "Wait", "Seconds": 30, "End": True}, "ExecutionsTimedOut", "TIMED_OUT"),
    ],
)
def test_executions_are_counted_by_how_they_end(
    aws: EmbeddedAws, end: dict[str, Any], metric: str, status: str
) -> None:
    machine = make_machine(aws, f"ends-{status}", {"End": end})
    seconds = 1 if status == "TIMED_OUT" else 60
    definition = json.dumps({"StartAt": "End", "States": {"End": end}, "TimeoutSeconds": seconds})
    aws.client("stepfunctions").update_state_machine(stateMachineArn=machine, definition=definition)
    assert execute(aws, machine, input="{}")["status"] == status
    named = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut")
    counted = {name: total(aws, "AWS/States", name, StateMachineArn=machine) for name in named}
    assert counted == {**dict.fromkeys(named, 0), "ExecutionsStarted": 1, metric: 1}
    assert total(aws, "AWS/States", "ExecutionTime", StateMachineArn=machine) > 0


def test_runs_of_a_job_are_counted_by_how_they_end(aws: EmbeddedAws) -> None:
    dimensions = {"JobName": "counted-job", "JobRunId": "ALL", "Type": "count", "ObservabilityGroup": "error"}
    script = "import sys; sys.exit('--fail' in sys.argv)"
    wanted = {"--enable-observability-metrics": "true", "--enable-metrics": "true"}
    job = make_job(aws, "counted-job", script, DefaultArguments=wanted)
    run_job(aws, job)
    run_job(aws, job, Arguments={"--fail": "1"})
    assert total(aws, "Glue", "glue.succeed.ALL", **dimensions) == 1
    assert total(aws, "Glue", "glue.error.ALL", **dimensions) == 1
    del dimensions["ObservabilityGroup"]
    assert total(aws, "Glue", "glue.driver.aggregate.elapsedTime", **dimensions) > 0


def test_buckets_are_measured_daily_and_their_requests_counted(aws: EmbeddedAws) -> None:
    properties = {"BucketName": "measured", "MetricsConfigurations": [{"Id": "EntireBucket"}]}
    deploy(aws, "measured", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}})
    s3 = aws.client("s3")
    for key in ("a", "b"):
        s3.put_object(Bucket="measured", Key=key, Body=b"12345")
    s3.get_object(Bucket="measured", Key="a")["Body"].read()
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="measured", Key="c")
    aws.clock.advance(86400, fire=False)
    stored = {"BucketName": "measured", "StorageType": "StandardStorage"}
    assert total(aws, "AWS/S3", "BucketSizeBytes", "Maximum", **stored) == 10
    assert total(aws, "AWS/S3", "NumberOfObjects", "Maximum", **{**stored, "StorageType": "AllStorageTypes"}) == 2
    asked = {"BucketName": "measured", "FilterId": "EntireBucket"}
    names = ("AllRequests", "PutRequests", "GetRequests", "4xxErrors", "BytesUploaded")
    assert [total(aws, "AWS/S3", name, **asked) for name in names] == [4, 2, 2, 1, 10]
    assert total(aws, "AWS/S3", "5xxErrors", "SampleCount", **asked) > 0  # a value of 0


def test_a_message_grows_old_by_the_lakes_clock(aws: EmbeddedAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="old")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    wait_for(lambda: total(aws, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName="old") == 1)
    aws.clock.advance(3000, fire=False)
    age = wait_for(lambda: total(aws, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName="old"))
    assert 3000 <= age < 3060
