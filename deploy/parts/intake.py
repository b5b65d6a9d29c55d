"""How an arriving file reaches the gate: S3 → EventBridge rule → SQS queue → the gate's event source mapping."""

from typing import ClassVar

from troposphere import Ref, Template, awslambda, events
from troposphere.validators import integer

from deploy.parts.names import EVENTS_DLQ, GATE_QUEUE, LAKE_BUCKET, named
from deploy.parts.queues import queue_arn
from lakehouse.names import BRONZE

_GATES_AT_ONCE = 2


class _Scaling(awslambda.ScalingConfig):  # type: ignore[misc]
    """troposphere 4.11 gives the mapping's ScalingConfig the properties of another type of the same name."""

    props: ClassVar = {"MaximumConcurrency": (integer, True)}


def add(template: Template) -> None:
    template.add_resource(_arrival_rule())
    template.add_resource(
        awslambda.EventSourceMapping(
            "GateMapping",
            FunctionName=Ref("GateFunction"),
            EventSourceArn=queue_arn(GATE_QUEUE),
            BatchSize=1,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig=_Scaling(MaximumConcurrency=_GATES_AT_ONCE),
        )
    )


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
                Id="gate",
                Arn=queue_arn(GATE_QUEUE),
                DeadLetterConfig=events.DeadLetterConfig(Arn=queue_arn(EVENTS_DLQ)),
            )
        ],
    )
