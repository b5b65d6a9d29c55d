"""What a month costs: of a lake in which nothing happens, and of the generators' schedules. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deploy.metrics import used
from lakehouse import metrics as own_metrics
from lakehouse.contract.model import Pipeline
from scripts.cost.model import Calls, Run, quantities_of
from scripts.cost.scale import Scaled, Surroundings, scaled

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_DAILY = re.compile(r"cron\(\d+ \d+ \* \* \? \*\)")
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}
_SWEEPS_PER_HOUR, _QUERIES_A_SWEEP = 4, 3
_HOURS_A_DAY = 24
_OWN_METRICS_OF_A_RUN = ("RowsIn", "RowsQuarantined", "FilesRefused", "GoldLagSeconds")


def hours_between(schedule: str) -> float:
    """Of a schedule expression as the contracts have them.

    Raises:
        ValueError: another form.
    """
    if found := _RATE.fullmatch(schedule):
        return int(found[1]) * _HOURS[found[2]]
    if _DAILY.fullmatch(schedule):
        return float(_HOURS_A_DAY)
    raise ValueError(f"{schedule}: expected rate(n minutes|hours|days) or a daily cron(m h * * ? *)")


def idle(resources: Mapping[str, Any], pipelines: Sequence[Pipeline], around: Surroundings) -> Run:
    """A month in which no file comes: what is there, what looks whether something is to be done."""
    sweeps = around.value("hours_per_month") * _SWEEPS_PER_HOUR
    watched = sum(
        len(list(used({name: one}))) for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"
    )
    kinds = [one["Type"] for one in resources.values()]
    redshift_admin = any(kind == "AWS::RedshiftServerless::Namespace" for kind in kinds)
    counts = {
        "alarm_month": watched,
        "dashboard_month": kinds.count("AWS::CloudWatch::Dashboard"),
        "kms_key_month": kinds.count("AWS::KMS::Key"),
        "secret_month": kinds.count("AWS::SecretsManager::Secret") + redshift_admin,
        "metric_month": around.value("s3_request_metrics"),
        "sqs_request": around.value("idle_polls_per_month"),
        "dynamodb_read": sweeps * (len(pipelines) + 1) * _QUERIES_A_SWEEP,
        "kms_request": sweeps * around.value("kms_per_invocation"),
        "logs_gb": sweeps * around.value("log_kb_per_invocation") / 1e6,
    }
    return Run(counts=counts, functions=(_calls("sweep", sweeps, around.value("other_core_seconds"), around),))


def scheduled(pipeline: Pipeline, around: Surroundings) -> tuple[float, Scaled, Run] | None:
    """Runs a month, one of them, and the month, by the generator's schedule; None without one.

    A batch that is a day grows through the day: on the average its run reads half of the day's files.
    """
    if pipeline.generator is None or pipeline.generator.schedule is None:
        return None
    runs = around.value("hours_per_month") / hours_between(pipeline.generator.schedule)
    of_a_day = _HOURS_A_DAY / hours_between(pipeline.generator.schedule)
    by_day = any(dataset.batch == "{date}" for dataset in pipeline.datasets)
    engine = "spark" if pipeline.engine == "spark" else "duckdb"
    one = scaled(pipeline, engine, pipeline.generator.rows, around, (of_a_day - 1) / 2 if by_day else 0)
    month = times(one.run, runs)
    days = around.value("hours_per_month") / _HOURS_A_DAY
    crawls = sum(bool(crawler.schedule) for crawler in pipeline.crawlers)
    more = [_calls("generate", runs, around.value("other_core_seconds"), around)]
    if any(dataset.compact for dataset in pipeline.datasets):
        more.append(_calls("compact", days, around.value("other_core_seconds"), around))
    share = min(1.0, 1 / hours_between(pipeline.generator.schedule))
    metrics = len(set(_OWN_METRICS_OF_A_RUN) & set(own_metrics.UNITS)) * share
    return (
        runs,
        one,
        replace(
            month,
            functions=(*month.functions, *more),
            crawl_seconds=(*month.crawl_seconds, *(0.0,) * round(days * crawls)),
            counts={**month.counts, "metric_month": metrics},
        ),
    )


def times(run: Run, often: float) -> Run:
    """So many such runs. Minimums are billed for each: repeated ones stand in the counts."""
    return Run(counts={name: amount * often for name, amount in quantities_of(run).items()})


def _calls(kind: str, often: float, core_seconds: float, around: Surroundings) -> Calls:
    size = around.config.functions[kind]
    slower = max(1.0, around.value("core_mb") / size.memory_mb)
    return Calls(kind, often, core_seconds * slower * often, size.memory_mb, size.storage_mb)
