"""The queues: of arrived files, and of what could not be delivered or handled."""

from typing import Any

from troposphere import GetAtt, Ref, Template, events, sqs

from deploy.parts.names import DATA_KEY, EVENTS_DLQ, FUNCTIONS_DLQ, GATE_DLQ, GATE_QUEUE, arn, named, setting
from deploy.policies import rule_may, tls_only

DEAD_LETTERS = {GATE_DLQ: "gate-dlq", EVENTS_DLQ: "events-dlq", FUNCTIONS_DLQ: "functions-dlq"}
"""What the gate could not handle; what EventBridge could not deliver; what functions could not that nobody
waits for."""

_FOURTEEN_DAYS_SECONDS = 14 * 24 * 3600
_RECEIVES_BEFORE_DLQ = 5


def add(template: Template) -> None:
    for title, suffix in DEAD_LETTERS.items():
        template.add_resource(_dead_letters(title, suffix, allowed_from="gate" if title == GATE_DLQ else None))
    template.add_resource(
        sqs.Queue(
            GATE_QUEUE,
            QueueName=named("gate"),
            VisibilityTimeout=setting("GateVisibilitySeconds"),
            MessageRetentionPeriod=_FOURTEEN_DAYS_SECONDS,
            KmsMasterKeyId=Ref(DATA_KEY),
            KmsDataKeyReusePeriodSeconds=300,
            RedrivePolicy=sqs.RedrivePolicy(
                deadLetterTargetArn=queue_arn(GATE_DLQ), maxReceiveCount=_RECEIVES_BEFORE_DLQ
            ),
        )
    )
    arrivals = rule_may("ArrivalRule", "sqs:SendMessage", queue_arn(GATE_QUEUE), GetAtt("ArrivalRule", "Arn"))
    _add_policy(template, GATE_QUEUE, arrivals)
    _add_policy(template, GATE_DLQ)
    _add_policy(template, FUNCTIONS_DLQ)


def let_rules_leave(template: Template) -> None:
    """Every rule of the template, and no other, may leave in a queue what it could not deliver.

    One statement for all: SQS takes 20 statements a policy.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    """
    rules = [GetAtt(name, "Arn") for name, one in sorted(template.resources.items()) if isinstance(one, events.Rule)]
    _add_policy(template, EVENTS_DLQ, rule_may("Rules", "sqs:SendMessage", queue_arn(EVENTS_DLQ), rules))


def queue_arn(queue: str) -> Any:
    return GetAtt(queue, "Arn")


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


def _add_policy(template: Template, queue: str, *allowed: dict[str, Any]) -> None:
    statements = [tls_only("sqs:*", queue_arn(queue)), *allowed]
    template.add_resource(
        sqs.QueuePolicy(
            f"{queue}Policy",
            Queues=[Ref(queue)],
            PolicyDocument={"Version": "2012-10-17", "Statement": statements},
        )
    )
