"""Who hears of failures: the topic, the alarms, and the rule for failed Glue jobs."""

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, cloudwatch, events, sns

from deploy.config import FUNCTIONS
from deploy.parts.names import (
    DATA_KEY,
    EVENTS_DLQ,
    GATE_DLQ,
    HAS_EMAIL,
    TOPIC,
    arn,
    logical_id,
    named,
)
from deploy.policies import rule_may, tls_only
from lakehouse.contract.model import Pipeline

_FIVE_MINUTES = 300


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    template.add_resource(sns.Topic(TOPIC, TopicName=named("notifications"), KmsMasterKeyId=Ref(DATA_KEY)))
    template.add_resource(
        sns.SubscriptionResource(
            "EmailSubscription",
            Condition=HAS_EMAIL,
            TopicArn=Ref(TOPIC),
            Protocol="email",
            Endpoint=Ref("NotificationEmail"),
        )
    )
    template.add_resource(_failed_jobs_rule())
    template.add_resource(sns.TopicPolicy("NotificationsPolicy", Topics=[Ref(TOPIC)], PolicyDocument=_topic_policy()))
    for who in FUNCTIONS:
        dimension = {"FunctionName": Ref(logical_id(who, "function"))}
        _add_alarm(template, f"{who}-errors", f"The function {who} failed", "AWS/Lambda", "Errors", dimension)
    for queue, name in ((GATE_DLQ, "gate-dlq"), (EVENTS_DLQ, "events-dlq")):
        dimension = {"QueueName": GetAtt(queue, "QueueName")}
        metric = "ApproximateNumberOfMessagesVisible"
        _add_alarm(template, name, f"Messages wait in {name}", "AWS/SQS", metric, dimension, statistic="Maximum")
    for pipeline in pipelines:
        dimension = {"StateMachineArn": Ref(logical_id(pipeline.name, "workflow"))}
        for metric, word in (("ExecutionsFailed", "failed"), ("ExecutionsTimedOut", "timed out")):
            name = f"{pipeline.name}-{word.replace(' ', '-')}"
            _add_alarm(template, name, f"A run of {pipeline.name} {word}", "AWS/States", metric, dimension)


def _add_alarm(
    template: Template,
    name: str,
    about: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Any],
    statistic: str = "Sum",
) -> None:
    """An alarm that rings on the first occurrence within five minutes."""
    template.add_resource(
        cloudwatch.Alarm(
            logical_id(name, "alarm"),
            AlarmName=named(name),
            AlarmDescription=about,
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
            Statistic=statistic,
            Period=_FIVE_MINUTES,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[Ref(TOPIC)],
        )
    )


def _failed_jobs_rule() -> events.Rule:
    """Glue has no metric of failed runs; it sends an event for each."""
    return events.Rule(
        "FailedJobsRule",
        Name=named("failed-jobs"),
        Description="A Glue job of the lake failed",
        EventPattern={
            "source": ["aws.glue"],
            "detail-type": ["Glue Job State Change"],
            "detail": {"jobName": [{"prefix": Sub("${Prefix}-")}], "state": ["FAILED", "TIMEOUT", "ERROR"]},
        },
        State="ENABLED",
        Targets=[
            events.Target(
                Id="notifications",
                Arn=Ref(TOPIC),
                DeadLetterConfig=events.DeadLetterConfig(Arn=GetAtt(EVENTS_DLQ, "Arn")),
                InputTransformer=events.InputTransformer(
                    InputPathsMap={"job": "$.detail.jobName", "run": "$.detail.jobRunId", "state": "$.detail.state"},
                    InputTemplate='"Glue job <job> ended as <state>. Run <run>; see /aws-glue/jobs/error."',
                ),
            )
        ],
    )


def _topic_policy() -> dict[str, Any]:
    alarms = {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": Ref(TOPIC),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")},
            "ArnLike": {"aws:SourceArn": arn("cloudwatch", "alarm:${Prefix}-*")},
        },
    }
    jobs = rule_may("FailedJobs", "sns:Publish", Ref(TOPIC), GetAtt("FailedJobsRule", "Arn"))
    return {"Version": "2012-10-17", "Statement": [tls_only("sns:Publish", Ref(TOPIC)), alarms, jobs]}
