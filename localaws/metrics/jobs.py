"""Glue's observability metrics of job runs: `glue.succeed.ALL`, `glue.error.ALL`.

*AWS*: in the namespace `Glue`, for jobs with `--enable-observability-metrics`, for each run and for all runs of the job
(JobRunId = ALL). https://docs.aws.amazon.com/glue/latest/dg/monitor-observability.html
*Here*: these two; not the error classes, the skewness and the throughput.
"""

from collections.abc import Mapping

from localaws.metrics.record import emit

ENABLED_BY = "--enable-observability-metrics"
_METRICS = {"SUCCEEDED": "glue.succeed.ALL", "FAILED": "glue.error.ALL", "TIMEOUT": "glue.error.ALL"}


def count_run(job: str, run_id: str, state: str, arguments: Mapping[str, str]) -> None:
    """Count a run that has ended; a stopped one is neither."""
    if state not in _METRICS or ENABLED_BY not in arguments:
        return
    for run in ("ALL", run_id):
        dimensions = {"JobName": job, "JobRunId": run, "Type": "count", "ObservabilityGroup": "error"}
        emit("Glue", _METRICS[state], 1, dimensions)
