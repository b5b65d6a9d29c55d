"""Glue's metrics of job runs: `glue.succeed.ALL`, `glue.error.ALL`, `glue.driver.aggregate.elapsedTime`.

*AWS*: in the namespace `Glue`, for jobs with `--enable-observability-metrics`, for each run and for all runs of the job
(JobRunId = ALL). https://docs.aws.amazon.com/glue/latest/dg/monitor-observability.html
Spark's own for jobs with `--enable-metrics`, every 30 seconds; the elapsed time is without the start of the session.
https://docs.aws.amazon.com/glue/latest/dg/monitoring-awsglue-with-cloudwatch-metrics.html
*Here*: these; not the error classes, the skewness, the throughput and the rest of Spark's. The elapsed time is that of
the whole run, counted at its end.
"""

from collections.abc import Mapping

from localaws.metrics.record import emit

ENABLED_BY, SPARK_ENABLED_BY = "--enable-observability-metrics", "--enable-metrics"
_METRICS = {"SUCCEEDED": "glue.succeed.ALL", "FAILED": "glue.error.ALL", "TIMEOUT": "glue.error.ALL"}


def count_run(job: str, run_id: str, state: str, seconds: float, arguments: Mapping[str, str]) -> None:
    """Count a run that has ended; a stopped one neither succeeded nor failed."""
    for run in ("ALL", run_id):
        dimensions = {"JobName": job, "JobRunId": run, "Type": "count"}
        if SPARK_ENABLED_BY in arguments:
            emit("Glue", "glue.driver.aggregate.elapsedTime", seconds * 1000, dimensions, "Milliseconds")
        if state in _METRICS and ENABLED_BY in arguments:
            emit("Glue", _METRICS[state], 1, {**dimensions, "ObservabilityGroup": "error"})
