"""SNS mails are real messages in files."""

import email
import http.client
import json
import re
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from alarm_queue import allow
from test_localaws_cloudformation import deploy

from localaws import EmbeddedAws

TO = "you@example.com"


@pytest.fixture
def mails(aws: EmbeddedAws) -> Callable[[], list[EmailMessage]]:
    """The mails that were kept since the test began, the oldest first."""
    folder = aws.state.path / "mail"
    known = set(folder.glob("*"))

    def read() -> list[EmailMessage]:
        new = sorted(path for path in folder.glob("*") if path not in known)
        assert all(path.suffix == ".eml" for path in new)
        return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in new]  # type: ignore[arg-type]

    return read


def text_of(mail: EmailMessage) -> str:
    """A mail's text with plain line ends."""
    return str(mail.get_content()).replace("\r\n", "\n")


def subscribed(aws: EmbeddedAws, name: str, protocol: str = "email", **properties: Any) -> str:
    """A topic with one subscription of a template; its ARN."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}
    wanted = {"TopicArn": {"Ref": "Topic"}, "Protocol": protocol, "Endpoint": TO, **properties}
    deploy(aws, name, {"Topic": topic, "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": wanted}})
    return f"arn:aws:sns:{aws.region}:{aws.account_id}:{name}"


def test_a_subscription_of_a_template_is_confirmed_and_says_so(
    aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]
) -> None:
    topic = subscribed(aws, "mail-template")
    (mail,) = mails()
    assert mail["Subject"] == "AWS Notification - Subscription Confirmation"
    assert topic in text_of(mail)
    assert "confirmed already" in text_of(mail)
    (subscription,) = aws.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert subscription["SubscriptionArn"].startswith(f"{topic}:")


def test_a_message_is_a_mail_with_the_text_for_mails(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-message")
    text = "Zwölf Zeilen für 東京\n" + "a long line of text" * 20
    message_id = aws.client("sns").publish(
        TopicArn=topic,
        Subject="12 rows refused",
        Message=json.dumps({"default": "{}", "email": text}),
        MessageStructure="json",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "file_refused"}},
    )["MessageId"]
    _, mail = mails()
    assert mail["From"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    assert (mail["To"], mail["Subject"]) == (TO, "12 rows refused")
    assert mail["Message-ID"] == f"<{message_id}@sns.amazonaws.com>"
    assert mail["X-Amz-Sns-Topic-Arn"] == topic
    assert mail["X-Amz-Sns-Attribute-kind"] == "file_refused"
    assert parsedate_to_datetime(mail["Date"]).tzinfo is not None
    body = text_of(mail)
    assert body.startswith(f"{text.rstrip()}\n\n--\nIf you wish to stop receiving notifications from this topic, ")
    assert f"Action=Unsubscribe&SubscriptionArn={topic}:" in body


def test_a_message_without_subject_or_text_for_mails(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-plain")
    aws.client("sns").publish(TopicArn=topic, Message="plain")
    aws.client("sns").publish(TopicArn=topic, Message='{"default": "other"}', MessageStructure="json")
    _, plain, other = mails()
    assert plain["Subject"] == "AWS Notification Message"
    assert (text_of(plain).splitlines()[0], text_of(other).splitlines()[0]) == ("plain", "other")


def test_email_json_brings_the_document(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-json", "email-json")
    aws.client("sns").publish(TopicArn=topic, Subject="hello", Message="plain")
    document = json.loads(text_of(mails()[-1]))
    assert (document["Type"], document["TopicArn"], document["Subject"]) == ("Notification", topic, "hello")
    assert document["Message"] == "plain"


def test_a_filter_policy_keeps_mails_away(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-filter", FilterPolicy={"kind": ["wanted"]})
    for kind in ("wanted", "other"):
        value = {"DataType": "String", "StringValue": kind}
        aws.client("sns").publish(TopicArn=topic, Message=kind, MessageAttributes={"kind": value})
    assert [text_of(mail).splitlines()[0] for mail in mails()[1:]] == ["wanted"]


def test_a_subscription_by_the_api_waits_for_its_link(
    aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]
) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="mail-link")["TopicArn"]
    for _ in range(2):  # asked twice, the address gets one mail
        assert sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=TO)["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="too early")
    (asked,) = mails()
    assert follow(re.findall(r"https?://\S+", text_of(asked))[0]) == 200
    sns.publish(TopicArn=topic, Message="now")
    told = text_of(mails()[-1])
    assert told.startswith("now\n")
    arn = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=arn)
    sns.publish(TopicArn=topic, Message="too late")
    assert len(mails()) == 2


def follow(link: str) -> int:
    """What a link answers, followed without credentials as from a mail."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_alarm_is_mailed_as_cloudwatch_writes_it(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-alarm")
    allow(aws.client("sns").set_topic_attributes, topic, "cloudwatch.amazonaws.com", "sns:Publish", TopicArn=topic)
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="mail-alarm",
        AlarmDescription="Something broke",
        Namespace="Test",
        MetricName="MailAlarm",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
    )
    cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "MailAlarm", "Value": 3}])
    mail = mails()[-1]
    assert mail["Subject"] == 'ALARM: "mail-alarm" in US East (N. Virginia)'
    body = text_of(mail)
    assert "has entered the ALARM state" in body
    assert "- Description:                Something broke" in body
    assert "1 out of the last 1 datapoints [3.0] was greater than or equal to the threshold (1.0)" in body
    assert "- State Change:               OK -> ALARM" in body


def test_what_arrives_cannot_forge_a_header(aws: EmbeddedAws, mails: Callable[[], list[EmailMessage]]) -> None:
    topic = subscribed(aws, "mail-forged")
    value = {"DataType": "String", "StringValue": "x\r\nBcc: them@example.com"}
    aws.client("sns").publish(TopicArn=topic, Subject="s", Message="m", MessageAttributes={"kind": value})
    mail = mails()[-1]
    assert mail["Bcc"] is None
    assert text_of(mail).startswith("m\n")
