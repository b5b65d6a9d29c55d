"""An alarm for everything that can fail, all to the topic."""

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Template, cloudwatch, events

from deploy.functions import Function
from deploy.parts.functions import function_id
from deploy.parts.names import GATE_QUEUE, TOPIC, logical_id, named, suffix_of
from deploy.parts.queues import DEAD_LETTERS
from deploy.parts.workflows import job_id, machine_id
from lakehouse.contract.model import Pipeline

FIVE_MINUTES = 300
_WAITS_TOO_LONG_SECONDS = 3600
"""A file that waits for the gate for so long waits behind something that does not end."""

EXECUTIONS = {"ExecutionsFailed": "failed", "ExecutionsTimedOut": "timed out", "ExecutionsAborted": "was aborted"}
OF_FUNCTIONS = {"Errors": "failed", "Throttles": "was throttled"}


def add(template: Template, functions: Sequence[Function], pipelines: Sequence[Pipeline]) -> None:
    """Last of all parts: every rule of the template gets its alarm."""
    for function in functions:
        dimensions = {"FunctionName": Ref(function_id(function.who))}
        for metric, what in OF_FUNCTIONS.items():
            name = f"{function.who}-{metric.lower()}"
            _add(template, name, f"The function {function.who} {what}", ("AWS/Lambda", metric), dimensions)
    for pipeline in pipelines:
        _add_job(template, pipeline)
        dimensions = {"StateMachineArn": Ref(machine_id(pipeline))}
        for metric, what in EXECUTIONS.items():
            name = f"{pipeline.name}-{what.removeprefix('was ').replace(' ', '-')}"
            _add(template, name, f"A run of {pipeline.name} {what}", ("AWS/States", metric), dimensions)
    _add_queues(template)
    rules = {title: one for title, one in template.resources.items() if isinstance(one, events.Rule)}
    for title, rule in rules.items():
        name = suffix_of(rule.Name)
        about = f"EventBridge could not deliver what the rule {name} is for"
        undelivered = ("AWS/Events", "FailedInvocations")
        _add(template, f"{name}-undelivered", about, undelivered, {"RuleName": Ref(title)})


def job_dimensions(pipeline: Pipeline) -> dict[str, Any]:
    """Of Glue's observability metrics: https://docs.aws.amazon.com/glue/latest/dg/monitor-observability.html"""
    job = Ref(job_id(pipeline))
    return {"JobName": job, "JobRunId": "ALL", "Type": "count", "ObservabilityGroup": "error"}


def _add_job(template: Template, pipeline: Pipeline) -> None:
    about = f"The Glue job of {pipeline.name} failed"
    _add(template, f"{pipeline.name}-gold-job", about, ("Glue", "glue.error.ALL"), job_dimensions(pipeline))


def _add_queues(template: Template) -> None:
    for queue, name in DEAD_LETTERS.items():
        metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        dimensions = {"QueueName": GetAtt(queue, "QueueName")}
        _add(template, name, f"Messages wait in {name}", metric, dimensions, statistic="Maximum")
    _add(
        template,
        "gate-queue-age",
        "An arrived file waits for the gate for more than an hour",
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        {"QueueName": GetAtt(GATE_QUEUE, "QueueName")},
        statistic="Maximum",
        threshold=_WAITS_TOO_LONG_SECONDS,
    )


def _add(
    template: Template,
    name: str,
    about: str,
    metric: tuple[str, str],
    dimensions: dict[str, Any],
    statistic: str = "Sum",
    threshold: int = 1,
) -> None:
    """An alarm that rings on the first occurrence within five minutes. `metric`: namespace and name."""
    template.add_resource(
        cloudwatch.Alarm(
            logical_id(name, "alarm"),
            AlarmName=named(name),
            AlarmDescription=about,
            Namespace=metric[0],
            MetricName=metric[1],
            Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
            Statistic=statistic,
            Period=FIVE_MINUTES,
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[Ref(TOPIC)],
        )
    )
