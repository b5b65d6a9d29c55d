"""Who hears of what happens: the topic, and the rules for Glue's jobs and crawlers that have ended."""

import json
import re
from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, events, sns

from deploy.parts import budget
from deploy.parts.names import DATA_KEY, EVENTS_DLQ, HAS_EMAIL, TOPIC, arn, logical_id, named
from deploy.parts.queues import queue_arn
from deploy.parts.workflows import job_id
from deploy.policies import rule_may, tls_only
from lakehouse.contract.model import Pipeline

_ANY = [{"prefix": Sub("${Prefix}-")}]
_FAILED_JOB = "Glue job <jobName> ended as <state>. Run <jobRunId>; see /aws-glue/jobs/error."
_FINISHED_JOB = "Glue job <jobName> ended as <state>. Run <jobRunId>."
_FAILED_CRAWLER = "Glue crawler <crawlerName> ended as <state>; see /aws-glue/crawlers."
_FIELD = re.compile(r"<(\w+)>")


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
    rules = [_rule("failed-jobs", "Job", {"jobName": _ANY, "state": ["FAILED", "TIMEOUT", "ERROR"]}, _FAILED_JOB)]
    mailed = [Ref(job_id(pipeline)) for pipeline in pipelines if pipeline.job_mail]
    if mailed:
        rules.append(_rule("finished-jobs", "Job", {"jobName": mailed, "state": ["SUCCEEDED"]}, _FINISHED_JOB))
    if any(pipeline.crawlers for pipeline in pipelines):
        rules.append(_rule("failed-crawlers", "Crawler", {"crawlerName": _ANY, "state": ["Failed"]}, _FAILED_CRAWLER))
    for rule in rules:
        template.add_resource(rule)
    policy = _topic_policy([rule.title for rule in rules])
    template.add_resource(sns.TopicPolicy("NotificationsPolicy", Topics=[Ref(TOPIC)], PolicyDocument=policy))


def _rule(name: str, what: str, detail: dict[str, Any], text: str) -> events.Rule:
    """Glue sends an event for each run of a job or a crawler that has ended; a sentence of it goes to the topic.

    `text` names fields of the event's detail in angle brackets.
    """
    fields = {field: f"$.detail.{field}" for field in _FIELD.findall(text)}
    return events.Rule(
        logical_id(name, "rule"),
        Name=named(name),
        Description=f"Tells people of {name.replace('-', ' ')} of the lake",
        EventPattern={"source": ["aws.glue"], "detail-type": [f"Glue {what} State Change"], "detail": detail},
        State="ENABLED",
        Targets=[
            events.Target(
                Id="notifications",
                Arn=Ref(TOPIC),
                DeadLetterConfig=events.DeadLetterConfig(Arn=queue_arn(EVENTS_DLQ)),
                InputTransformer=events.InputTransformer(InputPathsMap=fields, InputTemplate=json.dumps(text)),
            )
        ],
    )


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
    statements = [tls_only("sns:Publish", Ref(TOPIC)), alarms, budget.may_publish(), *jobs]
    return {"Version": "2012-10-17", "Statement": statements}
