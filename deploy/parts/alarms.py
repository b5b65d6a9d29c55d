"""An alarm for everything that can fail, all to the topic: each kind of deploy/alarms.toml for each thing it is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import FindInMap, GetAtt, Ref, Template, cloudwatch, events

from deploy.alarm_kinds import NEAR_TIMEOUT, AlarmKind, Of, alarm_kinds
from deploy.functions import Function
from deploy.parts.functions import function_id
from deploy.parts.names import GATE_QUEUE, TOPIC, logical_id, named, near_timeout_setting, suffix_of
from deploy.parts.queues import DEAD_LETTERS
from deploy.parts.workflows import job_id, machine_id
from lakehouse.contract.model import Pipeline

_SHARE, _WHOLE, _PART = "share", "whole", "part"


@dataclass(frozen=True)
class Thing:
    """Something that has alarms: its name, and the dimensions of its metrics."""

    name: str
    dimensions: Mapping[str, Any]
    near_timeout: Any = field(default=None)
    """Of a function: milliseconds."""


def add(template: Template, functions: Sequence[Function], pipelines: Sequence[Pipeline]) -> None:
    """Last of all parts: every rule of the template gets its alarm."""
    things = _things(template, functions, pipelines)
    for kind in alarm_kinds():
        for thing in things[kind.of]:
            template.add_resource(_alarm(kind, thing))


def job_dimensions(pipeline: Pipeline) -> dict[str, Any]:
    """Of Glue's observability metrics: https://docs.aws.amazon.com/glue/latest/dg/monitor-observability.html"""
    job = Ref(job_id(pipeline))
    return {"JobName": job, "JobRunId": "ALL", "Type": "count", "ObservabilityGroup": "error"}


def _things(
    template: Template, functions: Sequence[Function], pipelines: Sequence[Pipeline]
) -> Mapping[Of, Sequence[Thing]]:
    rules = {title: one for title, one in template.resources.items() if isinstance(one, events.Rule)}
    return {
        "function": tuple(_functions(functions)),
        "workflow": [Thing(one.name, {"StateMachineArn": Ref(machine_id(one))}) for one in pipelines],
        "job": [Thing(one.name, job_dimensions(one)) for one in pipelines],
        "pipeline": [Thing(one.name, {"Lake": Ref("Prefix"), "Pipeline": one.name}) for one in pipelines],
        "dead_letters": [_queue(title, name) for title, name in DEAD_LETTERS.items()],
        "queue": [_queue(GATE_QUEUE, "gate")],
        "rule": [Thing(suffix_of(rule.Name), {"RuleName": Ref(title)}) for title, rule in rules.items()],
    }


def _functions(functions: Sequence[Function]) -> Iterator[Thing]:
    for one in functions:
        limit = FindInMap("Environments", Ref("Environment"), near_timeout_setting(one.kind))
        yield Thing(one.who, {"FunctionName": Ref(function_id(one.who))}, near_timeout=limit)


def _queue(title: str, name: str) -> Thing:
    return Thing(name, {"QueueName": GetAtt(title, "QueueName")})


def _alarm(kind: AlarmKind, thing: Thing) -> cloudwatch.Alarm:
    name = kind.called(thing.name)
    return cloudwatch.Alarm(
        logical_id(name, "alarm"),
        AlarmName=named(name),
        AlarmDescription=kind.about(thing.name),
        EvaluationPeriods=1,
        Threshold=thing.near_timeout if kind.threshold == NEAR_TIMEOUT else kind.threshold,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[Ref(TOPIC)],
        **(_share(kind, thing) if kind.share_of else _single(kind, thing)),
    )


def _single(kind: AlarmKind, thing: Thing) -> dict[str, Any]:
    return {**_metric(kind, kind.metric, thing), "Statistic": kind.statistic, "Period": kind.period}


def _share(kind: AlarmKind, thing: Thing) -> dict[str, Any]:
    """A percentage: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html"""
    expression = f"IF({_WHOLE} >= {kind.least}, 100 * {_PART} / {_WHOLE}, 0)"
    queries = [
        cloudwatch.MetricDataQuery(
            Id=key,
            ReturnData=False,
            MetricStat=cloudwatch.MetricStat(
                Metric=cloudwatch.Metric(**_metric(kind, metric, thing)), Period=kind.period, Stat=kind.statistic
            ),
        )
        for key, metric in ((_PART, kind.metric), (_WHOLE, kind.share_of))
    ]
    return {"Metrics": [*queries, cloudwatch.MetricDataQuery(Id=_SHARE, Expression=expression, Label="Percent")]}


def _metric(kind: AlarmKind, metric: str | None, thing: Thing) -> dict[str, Any]:
    dimensions = [cloudwatch.MetricDimension(Name=key, Value=value) for key, value in thing.dimensions.items()]
    return {"Namespace": kind.namespace, "MetricName": metric, "Dimensions": dimensions}
