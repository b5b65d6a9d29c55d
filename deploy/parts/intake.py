"""How an arriving file reaches the gate: S3 → EventBridge rule → SQS queue → the gate's event source mapping."""

from typing import Any, ClassVar

from troposphere import GetAtt, Ref, Template, awslambda, events, sqs
from troposphere.validators import integer

from deploy.parts.names import DATA_KEY, EVENTS_DLQ, GATE_DLQ, GATE_QUEUE, LAKE_BUCKET, arn, named, setting
from deploy.policies import rule_may, tls_only
from lakehouse.names import BRONZE

_FOURTEEN_DAYS_SECONDS = 14 * 24 * 3600
_RECEIVES_BEFORE_DLQ = 5
_GATES_AT_ONCE = 2


class _Scaling(awslambda.ScalingConfig):  # type: ignore[misc]
    """troposphere 4.11 gives the mapping's ScalingConfig the properties of another type of the same name."""

    props: ClassVar = {"MaximumConcurrency": (integer, True)}


def add(template: Template) -> None:
    template.add_resource(_dead_letters(GATE_DLQ, "gate-dlq", allowed_from="gate"))
    template.add_resource(_dead_letters(EVENTS_DLQ, "events-dlq", allowed_from=None))
    template.add_resource(
        sqs.Queue(
            GATE_QUEUE,
            QueueName=named("gate"),
            VisibilityTimeout=setting("GateVisibilitySeconds"),
            MessageRetentionPeriod=_FOURTEEN_DAYS_SECONDS,
            KmsMasterKeyId=Ref(DATA_KEY),
            KmsDataKeyReusePeriodSeconds=300,
            RedrivePolicy=sqs.RedrivePolicy(
                deadLetterTargetArn=GetAtt(GATE_DLQ, "Arn"), maxReceiveCount=_RECEIVES_BEFORE_DLQ
            ),
        )
    )
    template.add_resource(_arrival_rule())
    _add_queue_policy(template, GATE_QUEUE, rule_may("ArrivalRule", "sqs:SendMessage", _arn(GATE_QUEUE), _rule_arn()))
    _add_queue_policy(template, GATE_DLQ)
    every_rule = rule_may("Rules", "sqs:SendMessage", _arn(EVENTS_DLQ), arn("events", "rule/${Prefix}-*"))
    every_rule["Condition"]["ArnLike"] = every_rule["Condition"].pop("ArnEquals")
    _add_queue_policy(template, EVENTS_DLQ, every_rule)
    template.add_resource(
        awslambda.EventSourceMapping(
            "GateMapping",
            FunctionName=Ref("GateFunction"),
            EventSourceArn=_arn(GATE_QUEUE),
            BatchSize=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig=_Scaling(MaximumConcurrency=_GATES_AT_ONCE),
        )
    )


def _dead_letters(title: str, suffix: str, allowed_from: str | None) -> sqs.Queue:
    """A dead-letter queue. `allowed_from` names the one queue that may use it as such."""
    redrive: dict[str, Any] = (
        {"redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", f"${{Prefix}}-{allowed_from}")]}
        if allowed_from
        else {"redrivePermission": "denyAll"}
    )
    return sqs.Queue(
        title,
        QueueName=named(suffix),
        MessageRetentionPeriod=_FOURTEEN_DAYS_SECONDS,
        KmsMasterKeyId=Ref(DATA_KEY),
        KmsDataKeyReusePeriodSeconds=300,
        RedriveAllowPolicy=redrive,
    )


def _arn(queue: str) -> Any:
    return GetAtt(queue, "Arn")


def _rule_arn() -> Any:
    return GetAtt("ArrivalRule", "Arn")


def _arrival_rule() -> events.Rule:
    return events.Rule(
        "ArrivalRule",
        Name=named("arrivals"),
        Description="A file arrived in bronze",
        EventPattern={
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [Ref(LAKE_BUCKET)]}, "object": {"key": [{"prefix": f"{BRONZE}/"}]}},
        },
        State="ENABLED",
        Targets=[
            events.Target(
                Id="gate", Arn=_arn(GATE_QUEUE), DeadLetterConfig=events.DeadLetterConfig(Arn=_arn(EVENTS_DLQ))
            )
        ],
    )


def _add_queue_policy(template: Template, queue: str, *allowed: dict[str, Any]) -> None:
    statements = [tls_only("sqs:*", _arn(queue)), *allowed]
    template.add_resource(
        sqs.QueuePolicy(
            f"{queue}Policy",
            Queues=[Ref(queue)],
            PolicyDocument={"Version": "2012-10-17", "Statement": statements},
        )
    )
