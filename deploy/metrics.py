"""The metrics that a template's alarms and dashboard name, and what is wrong with them.

A name that nobody documents, or a dimension that no resource of the template has, is a line that stays empty for ever.
Pure, but for reading the table.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.config import ROOT
from lakehouse import metrics as own

METRICS_FILE = ROOT / "deploy" / "metrics.toml"

_OWNERS = {
    "FunctionName": "AWS::Lambda::Function",
    "StateMachineArn": "AWS::StepFunctions::StateMachine",
    "QueueName": "AWS::SQS::Queue",
    "RuleName": "AWS::Events::Rule",
    "JobName": "AWS::Glue::Job",
    "BucketName": "AWS::S3::Bucket",
}
"""What kind of resource a dimension names."""

_FIXED = {
    "JobRunId": {"ALL"},
    "Type": {"count"},
    "ObservabilityGroup": {"error"},
    "StorageType": {"StandardStorage", "AllStorageTypes"},
}
"""Dimensions that name no resource, and their values."""

_REFERENCE = re.compile(r"^\$\{(\w+)(?:\.\w+)?\}$")


@dataclass(frozen=True)
class Used:
    """One metric of an alarm or of a line of the dashboard."""

    where: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    """Values as in the dashboard's text: `${LogicalId}` or `${LogicalId.Attribute}` where they name a resource."""
    statistic: str


@dataclass(frozen=True)
class Documented:
    """What somebody emits."""

    unit: str
    statistics: frozenset[str]
    dimensions: frozenset[frozenset[str]]


def documented(path: Path = METRICS_FILE) -> dict[tuple[str, str], Documented]:
    """By namespace and name: AWS's, as the file has them, and those that the lake counts itself."""
    found = {}
    for space in tomllib.loads(path.read_text())["namespace"]:
        sets = frozenset(frozenset(names) for names in space["dimensions"])
        for name, one in space["metrics"].items():
            found[space["name"], name] = Documented(one["unit"], frozenset(one["statistics"]), sets)
    every = frozenset({"Sum", "Average", "Maximum", "Minimum"})
    for name, unit in own.UNITS.items():
        found[own.NAMESPACE, name] = Documented(unit, every, frozenset({frozenset(own.DIMENSIONS)}))
    return found


def used(resources: Mapping[str, Any]) -> Iterator[Used]:
    """Every metric that the alarms and dashboards of a template's resources name."""
    for title, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield from _of_alarm(title, properties)
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            for widget in json.loads(properties["DashboardBody"]["Fn::Sub"])["widgets"]:
                yield from _of_widget(widget["properties"])


def problems(resources: Mapping[str, Any], known: Mapping[tuple[str, str], Documented] | None = None) -> list[str]:
    """A line for each metric that nobody emits, or not so."""
    table = documented() if known is None else known
    return [f"{one.where}: {line}" for one in used(resources) for line in _problems(one, table, resources)]


def _problems(one: Used, table: Mapping[tuple[str, str], Documented], resources: Mapping[str, Any]) -> Iterator[str]:
    found = table.get((one.namespace, one.name))
    if found is None:
        yield f"nobody emits {one.namespace} {one.name}: expected one of {METRICS_FILE.name} or lakehouse.metrics"
        return
    if one.statistic not in found.statistics:
        yield f"{one.name} as {one.statistic}, expected one of {sorted(found.statistics)}"
    if frozenset(one.dimensions) not in found.dimensions:
        yield f"{one.name} has dimensions {sorted(one.dimensions)}, expected {sorted(map(sorted, found.dimensions))}"
    for dimension, value in one.dimensions.items():
        yield from _dimension_problems(dimension, value, resources)


def _dimension_problems(dimension: str, value: str, resources: Mapping[str, Any]) -> Iterator[str]:
    named = _REFERENCE.match(value)
    if dimension in _OWNERS:
        kind = resources.get(named[1], {}).get("Type") if named else None
        if kind != _OWNERS[dimension]:
            yield f"dimension {dimension} is {value}: no {_OWNERS[dimension]} of the template"
    elif dimension in _FIXED and value not in _FIXED[dimension]:
        yield f"dimension {dimension} is {value}, expected one of {sorted(_FIXED[dimension])}"
    elif dimension == "Lake" and value != "${Prefix}":
        yield f"dimension {dimension} is {value}, expected the stack's prefix"
    elif dimension == "Pipeline" and not _has_pipeline(value, resources):
        yield f"dimension {dimension} is {value}: no pipeline of the template"
    elif dimension == "FilterId" and not _has_filter(value, resources):
        yield f"dimension {dimension} is {value}: no metrics configuration of a bucket of the template"


def _has_pipeline(name: str, resources: Mapping[str, Any]) -> bool:
    machines = [one for one in resources.values() if one["Type"] == "AWS::StepFunctions::StateMachine"]
    return any(one["Properties"]["StateMachineName"] == {"Fn::Sub": f"${{Prefix}}-{name}"} for one in machines)


def _has_filter(name: str, resources: Mapping[str, Any]) -> bool:
    buckets = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::S3::Bucket"]
    return any({"Id": name} in bucket.get("MetricsConfigurations", []) for bucket in buckets)


def _of_alarm(title: str, alarm: Mapping[str, Any]) -> Iterator[Used]:
    stats = [query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    single = [] if stats else [(alarm, alarm["Statistic"])]
    for metric, statistic in [*single, *((stat["Metric"], stat["Stat"]) for stat in stats)]:
        dimensions = {one["Name"]: _as_text(one["Value"]) for one in metric["Dimensions"]}
        yield Used(title, metric["Namespace"], metric["MetricName"], dimensions, statistic)


def _of_widget(widget: Mapping[str, Any]) -> Iterator[Used]:
    for namespace, name, *rest in widget.get("metrics", []):
        own_stat = rest.pop()["stat"] if rest and isinstance(rest[-1], dict) else widget["stat"]
        dimensions = dict(zip(rest[::2], rest[1::2], strict=True))
        yield Used(f"Dashboard, '{widget['title']}'", namespace, name, dimensions, own_stat)


def _as_text(value: Any) -> str:
    """A dimension's value of an alarm as the dashboard writes it."""
    if isinstance(value, dict):
        (function, argument) = next(iter(value.items()))
        return f"${{{argument if function == 'Ref' else '.'.join(argument)}}}"
    return str(value)
