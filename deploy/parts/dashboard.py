"""One CloudWatch dashboard: what each function, job, workflow and queue does, and what the lake holds.

A widget is a kind of resource and a question; its lines are the resources. The body is JSON in which `${…}` stands for
a resource's name: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from troposphere import Ref, Sub, Template, cloudwatch

from deploy.functions import Function
from deploy.parts.functions import function_id
from deploy.parts.names import GATE_QUEUE, LAKE_BUCKET
from deploy.parts.queues import DEAD_LETTERS
from deploy.parts.storage import REQUEST_METRICS
from deploy.parts.workflows import job_id, machine_id
from lakehouse import metrics as own
from lakehouse.contract.model import Pipeline

_WIDTH, _HEIGHT = 8, 6
"""Of 24 columns."""
_FIVE_MINUTES, _DAY = 300, 86_400
Metric = list[str]


def add(template: Template, functions: Sequence[Function], pipelines: Sequence[Pipeline]) -> None:
    template.add_resource(
        cloudwatch.Dashboard(
            "Dashboard", DashboardName=Ref("Prefix"), DashboardBody=Sub(json.dumps(body(functions, pipelines)))
        )
    )


def body(functions: Sequence[Function], pipelines: Sequence[Pipeline]) -> dict[str, Any]:
    """The dashboard: a row for each kind of thing, three widgets in it."""
    rows = (
        _data(pipelines),
        _executions(pipelines),
        _functions(functions),
        _limits(functions, pipelines),
        _jobs(pipelines),
        _queues(),
        _storage(),
    )
    widgets = [
        {**widget, "x": column * _WIDTH, "y": row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
        for row, of_row in enumerate(rows)
        for column, widget in enumerate(of_row)
    ]
    return {"start": "-P1D", "widgets": widgets}


def _data(pipelines: Sequence[Pipeline]) -> list[dict[str, Any]]:
    """What the lake counts itself."""

    def lines(*metrics: str) -> list[Metric]:
        return [_own_line(metric, pipeline) for pipeline in pipelines for metric in metrics]

    return [
        _widget("Rows: in, quarantined", lines("RowsIn", "RowsQuarantined"), "Sum"),
        _widget("Files refused, runs that do not balance", lines("FilesRefused", "BalanceMismatches"), "Sum"),
        _widget("Batches overdue, runs stuck", lines("BatchesOverdue", "RunsStuck"), "Maximum"),
    ]


def _own_line(metric: str, pipeline: Pipeline) -> Metric:
    return [own.NAMESPACE, metric, own.DIMENSIONS[0], "${Prefix}", own.DIMENSIONS[1], pipeline.name]


def _functions(functions: Sequence[Function]) -> list[dict[str, Any]]:
    return [
        _widget("Functions: invocations", _function_lines("Invocations", functions), "Sum"),
        _widget("Functions: errors", _function_lines("Errors", functions), "Sum"),
        _widget("Functions: average duration (ms)", _function_lines("Duration", functions), "Average"),
    ]


def _limits(functions: Sequence[Function], pipelines: Sequence[Pipeline]) -> list[dict[str, Any]]:
    lag = [_own_line("GoldLagSeconds", pipeline) for pipeline in pipelines]
    return [
        _widget("Gold: seconds until readers see it", lag, "Maximum"),
        _widget("Functions: throttles", _function_lines("Throttles", functions), "Sum"),
        _widget("Functions: longest duration (ms)", _function_lines("Duration", functions), "Maximum"),
    ]


def _function_lines(metric: str, functions: Sequence[Function]) -> list[Metric]:
    return [["AWS/Lambda", metric, "FunctionName", _ref(function_id(one.who))] for one in functions]


def _executions(pipelines: Sequence[Pipeline]) -> list[dict[str, Any]]:
    def lines(metrics: Iterable[str]) -> list[Metric]:
        return [
            ["AWS/States", metric, "StateMachineArn", _ref(machine_id(pipeline))]
            for pipeline in pipelines
            for metric in metrics
        ]

    return [
        _widget("Runs: succeeded", lines(["ExecutionsSucceeded"]), "Sum"),
        _widget(
            "Runs: failed, timed out, aborted",
            lines(["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"]),
            "Sum",
        ),
        _widget("Runs: average time (ms)", lines(["ExecutionTime"]), "Average"),
    ]


def _jobs(pipelines: Sequence[Pipeline]) -> list[dict[str, Any]]:
    """Glue's metrics: https://docs.aws.amazon.com/glue/latest/dg/monitor-observability.html and
    https://docs.aws.amazon.com/glue/latest/dg/monitoring-awsglue-with-cloudwatch-metrics.html"""

    def lines(metric: str, *of: str) -> list[Metric]:
        return [
            ["Glue", metric, "JobName", _ref(job_id(pipeline)), "JobRunId", "ALL", "Type", "count", *of]
            for pipeline in pipelines
        ]

    return [
        _widget("Jobs: succeeded", lines("glue.succeed.ALL", "ObservabilityGroup", "error"), "Sum"),
        _widget("Jobs: failed", lines("glue.error.ALL", "ObservabilityGroup", "error"), "Sum"),
        _widget("Jobs: Spark's time (ms)", lines("glue.driver.aggregate.elapsedTime"), "Sum"),
    ]


def _queues() -> list[dict[str, Any]]:
    def line(queue: str, metric: str) -> Metric:
        return ["AWS/SQS", metric, "QueueName", f"${{{queue}.QueueName}}"]

    waiting, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    return [
        _widget("Queues: messages that wait", [line(GATE_QUEUE, waiting)], "Maximum"),
        _widget("Queues: age of the oldest message (s)", [line(GATE_QUEUE, age)], "Maximum"),
        _widget("Dead letters", [line(queue, waiting) for queue in DEAD_LETTERS], "Maximum"),
    ]


def _storage() -> list[dict[str, Any]]:
    """S3 counts bytes and objects once a day, requests by the minute."""

    def line(metric: str, *of: str) -> Metric:
        return ["AWS/S3", metric, "BucketName", _ref(LAKE_BUCKET), *of]

    requests = [line(metric, "FilterId", REQUEST_METRICS) for metric in ("AllRequests", "4xxErrors", "5xxErrors")]
    return [
        _widget("Lake: bytes", [line("BucketSizeBytes", "StorageType", "StandardStorage")], "Average", _DAY),
        _widget("Lake: objects", [line("NumberOfObjects", "StorageType", "AllStorageTypes")], "Average", _DAY),
        _widget("Lake: requests", requests, "Sum"),
    ]


def _widget(title: str, metrics: list[Metric], statistic: str, period: int = _FIVE_MINUTES) -> dict[str, Any]:
    properties = {
        "title": title,
        "view": "timeSeries",
        "region": "${AWS::Region}",
        "stat": statistic,
        "period": period,
        "metrics": metrics,
    }
    return {"type": "metric", "properties": properties}


def _ref(logical_id: str) -> str:
    return f"${{{logical_id}}}"
