"""What services may deliver to the lake's queues and topic, by the policies of these."""

import pytest

from tests.lake import Lake

RULES = "arn:aws:events:us-east-1:000000000000:rule/"
ALARMS = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
DELIVERIES = [
    ("gate", "events.amazonaws.com", RULES + "lakegate-arrivals", True),
    ("gate", "events.amazonaws.com", RULES + "lakegate-failed-jobs", False),
    ("gate", "events.amazonaws.com", RULES + "somebody-elses", False),
    ("gate", "s3.amazonaws.com", "arn:aws:s3:::lakegate-lake-000000000000", False),
    ("gate-dlq", "events.amazonaws.com", RULES + "lakegate-arrivals", False),
    ("events-dlq", "events.amazonaws.com", RULES + "lakegate-arrivals", True),
    ("events-dlq", "events.amazonaws.com", RULES + "lakegate-failed-jobs", True),
    ("events-dlq", "events.amazonaws.com", RULES + "somebody-elses", False),
    ("events-dlq", "events.amazonaws.com", RULES + "lakegate-no-rule-of-the-template", False),
    ("notifications", "events.amazonaws.com", RULES + "lakegate-failed-jobs", True),
    ("notifications", "events.amazonaws.com", RULES + "lakegate-finished-jobs", True),
    ("notifications", "events.amazonaws.com", RULES + "lakegate-failed-crawlers", True),
    ("notifications", "events.amazonaws.com", RULES + "lakegate-crawled", False),
    ("functions-dlq", "events.amazonaws.com", RULES + "lakegate-crawled", False),
    ("events-dlq", "events.amazonaws.com", RULES + "lakegate-carts-generate", True),
    ("notifications", "events.amazonaws.com", RULES + "lakegate-arrivals", False),
    ("notifications", "cloudwatch.amazonaws.com", ALARMS + "lakegate-gate-errors", True),
    ("notifications", "cloudwatch.amazonaws.com", ALARMS + "somebody-elses", False),
    ("notifications", "s3.amazonaws.com", "arn:aws:s3:::lakegate-lake-000000000000", False),
]


@pytest.mark.parametrize(("where", "service", "source", "allowed"), DELIVERIES)
def test_a_service_may_deliver_only_what_the_lake_asked_for(
    lake: Lake, where: str, service: str, source: str, allowed: bool
) -> None:
    """The emulator delivers events without asking the target's policy: here it is asked."""
    from ministack.services import sns, sqs

    name = lake.named(where)
    if where == "notifications":
        may = sns.topic_policy_allows
        arn = lake.settings.topic_arn
    else:
        may = sqs.queue_policy_allows
        arn = f"arn:aws:sqs:{lake.aws.region}:{lake.aws.account_id}:{name}"
    assert may(arn, service, source, lake.aws.account_id) is allowed
    assert may(arn, service, source, "111111111111") is False
