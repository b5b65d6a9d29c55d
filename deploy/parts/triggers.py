"""What EventBridge invokes functions for: schedules, published gold, crawlers that have ended."""

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, awslambda, events

from deploy.functions import GENERATE, Function, followed_tables, needed_functions
from deploy.parts.functions import function_arn, function_id
from deploy.parts.names import EVENTS_DLQ, logical_id, named, setting
from deploy.parts.queues import queue_arn
from lakehouse.contract.model import Pipeline

GOLD_PUBLISHED = "Gold Published"
_COMPACTION = "cron(0 3 * * ? *)"
_SWEEP = "rate(15 minutes)"
_TIDY = "cron(30 3 * * ? *)"
_ENDED = ["Succeeded", "Failed", "Stopped"]
_TRIES, _TRY_SECONDS = 24, 3600
"""How often and for how long EventBridge tries to deliver an event, before it goes to the dead letters."""


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    needed = {function.kind for function in needed_functions(pipelines)}
    for pipeline in pipelines:
        if pipeline.generator and pipeline.generator.schedule:
            _add_generation(template, pipeline.name, pipeline.generator.schedule)
        if followed_tables(pipeline):
            _add_derivation(template, pipeline)
    about = "Does what was left undone and tells what waits too long"
    _add_rule(template, "sweep", "sweep", about, ScheduleExpression=_SWEEP)
    about = "Removes gold that nobody sees, marks versions in bronze that no longer count, daily"
    _add_rule(template, "tidy", "tidy", about, ScheduleExpression=_TIDY)
    if "compact" in needed:
        about = "Puts the small silver files of closed batches together, daily"
        _add_rule(template, "compact", "compact", about, ScheduleExpression=_COMPACTION)
    if "crawled" in needed:
        _add_rule(template, "crawled", "crawled", "A crawler of the lake has ended", EventPattern=_crawler_ended())


def _add_generation(template: Template, pipeline: str, schedule: str) -> None:
    function = Function(GENERATE, pipeline).who
    about = f"Writes made-up files of {pipeline}"
    state = setting("GeneratorSchedules")
    _add_rule(template, function, function, about, ScheduleExpression=schedule, State=state)


def _add_derivation(template: Template, pipeline: Pipeline) -> None:
    pattern = {
        "source": [Ref("Prefix")],
        "detail-type": [GOLD_PUBLISHED],
        "detail": {"pipeline": [pipeline.name], "table": list(followed_tables(pipeline))},
    }
    about = f"Gold of {pipeline.name} that other gold follows was published"
    _add_rule(template, f"{pipeline.name}-derive", "derive", about, EventPattern=pattern)


def _crawler_ended() -> dict[str, Any]:
    return {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change"],
        "detail": {"crawlerName": [{"prefix": Sub("${Prefix}-")}], "state": _ENDED},
    }


def _add_rule(template: Template, name: str, function: str, about: str, **when: Any) -> None:
    """A rule `<prefix>-<name>` that invokes a function, and the permission to do so."""
    rule = logical_id(name, "rule")
    template.add_resource(
        events.Rule(
            rule,
            Name=named(name),
            Description=about,
            Targets=[
                events.Target(
                    Id="function",
                    Arn=function_arn(function),
                    RetryPolicy=events.RetryPolicy(MaximumRetryAttempts=_TRIES, MaximumEventAgeInSeconds=_TRY_SECONDS),
                    DeadLetterConfig=events.DeadLetterConfig(Arn=queue_arn(EVENTS_DLQ)),
                )
            ],
            **{"State": "ENABLED", **when},
        )
    )
    template.add_resource(
        awslambda.Permission(
            logical_id(name, "rule", "permission"),
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function_id(function)),
            Principal="events.amazonaws.com",
            SourceArn=GetAtt(rule, "Arn"),
            SourceAccount=Ref("AWS::AccountId"),
        )
    )
