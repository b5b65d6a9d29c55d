"""Who hears of what happens: the topic, and the rules for Glue jobs that have ended."""

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, events, sns

from deploy.parts.names import DATA_KEY, EVENTS_DLQ, HAS_EMAIL, TOPIC, arn, logical_id, named
from deploy.parts.queues import queue_arn
from deploy.parts.workflows import job_id
from deploy.policies import rule_may, tls_only
from lakehouse.contract.model import Pipeline

FAILED = ["FAILED", "TIMEOUT", "ERROR"]
_FIELDS = {"job": "jobName", "run": "jobRunId", "state": "state"}
_FAILED_TEXT = '"Glue job <job> ended as <state>. Run <run>; see /aws-glue/jobs/error."'
_SUCCEEDED_TEXT = '"Glue job <job> ended as <state>. Run <run>."'


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
    jobs = [{"prefix": Sub("${Prefix}-")}]
    rules = [_add_job_rule(template, "failed-jobs", "A Glue job of the lake failed", jobs, FAILED, _FAILED_TEXT)]
    mailed = [Ref(job_id(pipeline)) for pipeline in pipelines if pipeline.job_mail]
    if mailed:
        about = "A Glue job succeeded of which people want to know"
        rules.append(_add_job_rule(template, "finished-jobs", about, mailed, ["SUCCEEDED"], _SUCCEEDED_TEXT))
    policy = _topic_policy(rules)
    template.add_resource(sns.TopicPolicy("NotificationsPolicy", Topics=[Ref(TOPIC)], PolicyDocument=policy))


def _add_job_rule(template: Template, name: str, about: str, jobs: list[Any], states: list[str], text: str) -> str:
    """Glue sends an event for each run that has ended; a sentence of it goes to the topic. The rule's logical id."""
    rule = logical_id(name, "rule")
    template.add_resource(
        events.Rule(
            rule,
            Name=named(name),
            Description=about,
            EventPattern={
                "source": ["aws.glue"],
                "detail-type": ["Glue Job State Change"],
                "detail": {"jobName": jobs, "state": states},
            },
            State="ENABLED",
            Targets=[
                events.Target(
                    Id="notifications",
                    Arn=Ref(TOPIC),
                    DeadLetterConfig=events.DeadLetterConfig(Arn=queue_arn(EVENTS_DLQ)),
                    InputTransformer=events.InputTransformer(
                        InputPathsMap={
                            "job": "$.detail.jobName",
                            "run": "$.detail.jobRunId",
                            "state": "$.detail.state",
                        },
                        InputTemplate=text,
                    ),
                )
            ],
        )
    )
    return rule


def _topic_policy(rules: Sequence[str]) -> dict[str, Any]:
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
    jobs = [rule_may(rule, "sns:Publish", Ref(TOPIC), GetAtt(rule, "Arn")) for rule in rules]
    return {"Version": "2012-10-17", "Statement": [tls_only("sns:Publish", Ref(TOPIC)), alarms, *jobs]}
