"""What the lake itself counts: one log line a measurement, from which CloudWatch Logs makes metrics. No call, no right.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

Only functions measure: what a Glue job does is counted by the steps before and after it. Of what seldom happens
nothing is counted while it does not: a metric costs money in every hour in which it has a value.
"""

import time
from collections.abc import Mapping

from lakehouse.log import log

NAMESPACE = "Lakegate"
DIMENSIONS = ("Lake", "Pipeline")
"""The stack's prefix, and the pipeline (`_unknown` for files that fit none)."""

UNITS: Mapping[str, str] = {
    "RowsIn": "Count",
    "RowsQuarantined": "Count",
    "FilesRefused": "Count",
    "BalanceMismatches": "Count",
    "BatchesOverdue": "Count",
    "RunsStuck": "Count",
    "GoldLagSeconds": "Seconds",
}
"""The unit of every metric. Rows and refused files: per judged file. The next three: only when there are some; batches
and runs by every sweep. The lag: of every published run, since the last change of its batch."""


def measure(lake: str, pipeline: str, values: Mapping[str, float]) -> None:
    """Write one line with the values of some metrics. `lake`: the stack's prefix."""
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(DIMENSIONS)], "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    log("measured", **{**dict(zip(DIMENSIONS, (lake, pipeline), strict=True)), **values, "_aws": about})
